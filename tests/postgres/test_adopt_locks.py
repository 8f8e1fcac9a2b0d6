"""Writing to an adopted schema beside its other clients, shown by locks, never by times."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import pytest
import trio

import mdb
from actors import DEFERRED
from mdb.core.messages import Append, VersionConflict, Written
from mdb.database import NewNamespace
from mdb.stores.postgres.adopted_writes import PATIENCE
from tests.postgres.helpers import message, one

T = mdb.Message("T", 1)

HELD = (
    "select array_agg(((classid::bigint << 32) | objid::bigint) order by 1) from pg_locks"
    " where locktype = 'advisory' and objsubid = 1 and granted"
    " and database = (select oid from pg_database where datname = current_database())"
)


@pytest.fixture
async def client(genuine_client: Callable[..., Any]) -> Any:
    return await genuine_client()


@pytest.fixture
async def database(genuine_url: str, client: Any) -> AsyncIterator[mdb.Database]:
    """After the client: fixtures are set up side by side, and share their context variables."""
    async with mdb.open(genuine_url, adopt=True) as opened:
        yield opened


@pytest.fixture
async def namespace(database: mdb.Database) -> mdb.Namespace:
    return await database.namespace()


def across(*streams: str) -> Append:
    return Append(tuple(message(stream) for stream in streams))


async def test_what_others_keep_locked_waits_and_the_rest_is_written(
    namespace: mdb.Namespace, client: Any
) -> None:
    await client.execute("begin")
    await client.fetchval("select acquire_lock('busy-1')")
    batch = [one("busy-1"), one("free-1"), across("free-2", "busy-2"), one("free-3", 7)]
    outcomes = await namespace.store.commit(batch)
    assert outcomes[0] is DEFERRED
    assert isinstance(outcomes[1], Written)
    assert outcomes[2] is DEFERRED
    # It shares the category free with the one before it that was left out: it keeps its place.
    assert outcomes[3] is DEFERRED
    assert await client.fetchval("select count(*) from messages") == 1
    await client.execute("commit")
    first, second, third = await namespace.store.commit([batch[0], batch[2], batch[3]])
    assert isinstance(first, Written)
    assert isinstance(second, Written)
    assert third == VersionConflict("free-3", 7, -1)


async def test_a_batch_that_was_begun_leaves_out_the_same(
    namespace: mdb.Namespace, client: Any
) -> None:
    begin = namespace.store.begin
    assert begin is not None
    await namespace.write("free-1", "T", 1)
    await client.execute("begin")
    await client.fetchval("select acquire_lock('busy-1')")
    batch = [one("busy-1"), one("free-1")]
    begun = begin(batch)
    assert begun is not None
    left_out, written = await begun
    assert left_out is DEFERRED
    assert isinstance(written, Written)
    await client.execute("commit")
    again = begin(batch[:1])
    assert again is not None
    assert isinstance((await again)[0], Written)


async def test_a_guarded_stream_counts_like_a_written_one(
    namespace: mdb.Namespace, client: Any
) -> None:
    await client.execute("begin")
    await client.fetchval("select acquire_lock('guard-1')")
    guarded = Append((message("free-1"),), (("guard-1", -1),))
    assert await namespace.store.commit([guarded, one("other-1")])
    assert await client.fetchval("select stream_version('free-1')") is None
    await client.fetchval("select write_message(gen_random_uuid()::text, 'guard-1', 'T', '1')")
    await client.execute("commit")
    assert await namespace.store.commit([guarded]) == [VersionConflict("guard-1", -1, 0)]


async def test_a_batch_that_meets_a_client_holds_nothing_afterwards(
    namespace: mdb.Namespace, client: Any, genuine_client: Callable[..., Any]
) -> None:
    watcher = await genuine_client()
    await client.execute("begin")
    await client.fetchval("select acquire_lock('b-1')")
    only = await watcher.fetchval(HELD)
    # Again and again, until it is waited for with a lock in hand: never for long.
    for _ in range(PATIENCE + 2):
        assert await namespace.store.commit([across("a-1", "b-1")]) == [DEFERRED]
        assert await watcher.fetchval(HELD) == only


async def test_the_client_goes_on_while_a_batch_waits_for_it(
    namespace: mdb.Namespace, client: Any
) -> None:
    """Client: b, then a. Batch: both at once. In a circle one of the two would have to be ended."""
    write = "select write_message(gen_random_uuid()::text, $1, 'T', '1')"
    await client.execute("begin")
    await client.fetchval(write, "b-1")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(namespace.transact, [("a-1", T), ("b-1", T)])
        for number in range(20):
            assert await client.fetchval(write, "a-1") == number
        await client.execute("commit")
    assert await namespace.store.version("a-1") == 20
    assert await namespace.store.version("b-1") == 1


async def test_a_write_that_is_passed_over_again_and_again_gets_its_turn(
    namespace: mdb.Namespace, genuine_client: Callable[..., Any]
) -> None:
    """Clients write its category without a pause; each keeps the lock until the next one waits."""
    waiting = "select exists (select from pg_locks where locktype = 'advisory' and not granted)"
    clients = [await genuine_client() for _ in range(2)]
    watcher = await genuine_client()
    stop = trio.Event()

    async def write(client: Any) -> None:
        while not stop.is_set():
            await client.execute("begin")
            await client.fetchval(
                "select write_message(gen_random_uuid()::text, 'hot-1', 'T', '1')"
            )
            while not stop.is_set() and not await watcher_says():
                await trio.lowlevel.checkpoint()
            await client.execute("commit")

    turn = trio.Lock()

    async def watcher_says() -> bool:
        async with turn:
            return bool(await watcher.fetchval(waiting))

    async with trio.open_nursery() as nursery:
        for client in clients:
            nursery.start_soon(write, client)
        with trio.fail_after(20):
            for number in range(3):
                transacted = await namespace.transact([("hot-2", T), (f"cold-{number}", T)])
                assert transacted[0].position == number
        stop.set()


async def test_an_open_outcome_is_looked_for_when_the_locks_are_free(
    namespace: mdb.Namespace, client: Any, genuine_client: Callable[..., Any]
) -> None:
    write = one("a-1")
    unknown = one("b-1")
    await client.execute("begin")
    await client.fetchval("select acquire_lock('a-1')")
    found: list[Any] = []

    async def settle() -> None:
        found.extend(await namespace.store.settle([write, unknown]))

    watcher = await genuine_client()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(settle)
        with trio.fail_after(10):
            while not await watcher.fetchval(
                "select exists (select from pg_locks where locktype = 'advisory' and not granted)"
            ):
                await trio.lowlevel.checkpoint()
        assert found == []
        # What is waited for is what the broken commit may still be doing.
        known = str(UUID(bytes=write.messages[0].id))
        await client.fetchval("select write_message($1, 'a-1', 'Happened', 'null')", known)
        await client.execute("commit")
    assert [type(outcome) for outcome in found] == [Written, type(None)]
    assert await watcher.fetchval(HELD) is None


async def test_namespaces_that_write_one_category_do_not_wait_for_each_other(
    database: mdb.Database, client: Any, connect: Callable[..., Any], genuine_url: str
) -> None:
    """An adopted one and two of our own: clients of each keep the lock of account-* at once."""
    names = ("one", "two", "three")
    locations = [
        (await database.create_namespace(NewNamespace(name)))[0].record.location for name in names
    ]
    write = "select write_message(gen_random_uuid()::text, 'account-1', 'T', '1')"
    holders = [client]
    holders += [
        await connect(genuine_url, server_settings={"search_path": location})
        for location in locations[:2]
    ]
    for holder in holders:
        await holder.execute("begin; set local lock_timeout = '1ms'")
        assert await holder.fetchval(write) == 0
    # And a server writes it in another one still.
    with trio.fail_after(10):
        assert (await (await database.namespace("three")).write("account-1", "T", 1)).position == 0
    for holder in holders:
        await holder.execute("commit")
