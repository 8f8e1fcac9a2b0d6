"""One lock a namespace: who writes waits for whom."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio_asyncio import aio_as_trio

from tests.fixtures.postgres import Connection
from tests.fixtures.postgres_schema import install
from tests.postgres.batches import one, write

WAITING = "select count(*) from pg_locks where locktype = 'advisory' and not granted"


async def until_somebody_waits(conn: Connection) -> None:
    with trio.fail_after(20):
        while True:  # only the server knows, so it is asked
            if await conn.fetchval(WAITING):
                return


@pytest.mark.parametrize("category", ["a", "other"])
async def test_a_batch_waits_for_whoever_acquired_the_lock_of_any_category(
    message_store: Connection, message_store_url: str, connect: Any, category: str
) -> None:
    client, server = await connect(message_store_url), await connect(message_store_url)
    await client.execute("begin")
    await client.execute(
        "select message_store.write_message(gen_random_uuid()::text, $1, 'T', '{}')",
        f"{category}-1",
    )
    answers = []

    async def batch() -> None:
        answers.append(await write(server, [one("a-1", given=False)]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(batch)
        await until_somebody_waits(message_store)
        assert not answers
        await client.execute("commit")
    # What the client committed while the batch waited was seen.
    assert answers[0].head == 1
    assert answers[0].positions == [[1 if category == "a" else 0]]


async def test_a_lone_write_waits_for_the_same_lock_and_sees_what_was_written_meanwhile(
    message_store: Connection, message_store_url: str, connect: Any
) -> None:
    client, server = await connect(message_store_url), await connect(message_store_url)
    await client.execute("begin")
    await client.execute(
        "select message_store.write_message(gen_random_uuid()::text, 'a-1', 'T', '{}')"
    )
    answers = []

    async def lone() -> None:
        row = await server.fetchrow(
            "select * from message_store.write_one"
            "(gen_random_uuid(), false, 'a-1', 'T', '{}', null, null)"
        )
        answers.append((row["position"], row["global_position"]))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lone)
        await until_somebody_waits(message_store)
        assert not answers
        await client.execute("commit")
    assert answers == [(1, 2)]


async def test_the_lock_is_the_schema_s_own_and_names_it(
    message_store: Connection, message_store_url: str, connect: Any
) -> None:
    async def neighbour() -> None:
        await install(other.raw, "namespace", "neighbour")

    other = await connect(message_store_url)
    await aio_as_trio(neighbour)()
    await message_store.execute("begin")
    await message_store.execute("select acquire_lock('a-1')")
    with trio.fail_after(20):  # does not wait
        await other.execute(
            "select neighbour.write_message(gen_random_uuid()::text, 'a-1', 'T', '{}')"
        )
    holder = await other.fetchval(
        """select objid::regnamespace::text from pg_locks
        where locktype = 'advisory' and classid = 1835295232 and objsubid = 2"""
    )
    assert holder == "message_store"


async def test_two_clients_in_opposite_order_cannot_deadlock(
    message_store: Connection, message_store_url: str, connect: Any
) -> None:
    other = await connect(message_store_url)
    await message_store.execute("begin")
    await message_store.execute("select acquire_lock('a-1')")
    await other.execute("begin")

    async def opposite() -> None:
        await other.execute("select message_store.acquire_lock('b-1')")
        await other.execute("select message_store.acquire_lock('a-1')")
        await other.execute("commit")

    watcher = await connect(message_store_url)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(opposite)
            await until_somebody_waits(watcher)
            await message_store.execute("select acquire_lock('b-1')")
            await message_store.execute("commit")
