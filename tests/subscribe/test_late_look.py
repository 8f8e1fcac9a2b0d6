"""A server that has not looked for a while how far its namespace is complete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from fixtures.messages import message

import mdb
from mdb.core.messages import AllQuery, Append
from mdb.namespace import Namespace
from mdb.stores.postgres import settled
from tests.subscribe.conftest import NEVER, OFTEN
from tests.subscribe.writers import take

# As an import leaves them, or a sequence that was set: more than one read of notices goes through.
GAP = "select setval(pg_get_serial_sequence('message_store.messages', 'global_position'), 200000)"

DELETE = "delete from message_store.messages where global_position > 2"
PUT_BACK = (
    f"{DELETE}; "
    "select setval(pg_get_serial_sequence('message_store.messages', 'global_position'), 2)"
)


async def fill(namespace: Namespace, count: int) -> None:
    await namespace.append(Append(tuple(message("a-1") for _ in range(count))))


async def test_behind_a_wide_gap_nothing_is_missed_that_was_written_since_the_last_look(
    database_url: str, serve_on: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    server = await serve_on(database_url, poll_interval=NEVER, listen=False)
    namespace = await server.namespace()
    await fill(namespace, 1)
    await (await connect(database_url)).execute(GAP)
    async with namespace.subscribe(all=True) as first:
        await fill(namespace, 1)
        with trio.fail_after(15):
            assert await take(first, 2) == [("a-1", 1), ("a-1", 200_001)]
            written = 200_001
            # Once it is told by the feed alone, nobody looks.
            while namespace.store.settled.upto >= namespace.feed.upto:
                await fill(namespace, 1)
                written += 1
                assert await take(first, 1) == [("a-1", written)]
        async with namespace.subscribe(all=True) as second:
            with trio.fail_after(15):
                assert [at for _, at in await take(second, 2)] == [1, 200_001]
                await fill(namespace, 1)
                following = [at for _, at in await take(second, written - 200_000)]
                assert following == [*range(200_002, written + 2)]


async def test_after_the_database_was_put_back_nobody_stays_deaf_to_what_comes_in_its_place(
    database_url: str, serve_on: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    """As by a failover that loses what was not replicated: positions are given out again."""
    server = await serve_on(database_url, poll_interval=OFTEN)
    namespace = await server.namespace()
    await fill(namespace, 5)
    async with namespace.subscribe(all=True) as pokes:
        assert len(await take(pokes, 5)) == 5
        await (await connect(database_url)).execute(PUT_BACK)
        with trio.fail_after(15), pytest.raises(mdb.Ended) as ended:
            await anext(pokes)
    assert ended.value.reason == "receded"
    async with namespace.subscribe(all=True) as pokes:
        with trio.fail_after(15):
            assert [at for _, at in await take(pokes, 2)] == [1, 2]
            for n in (3, 4):
                await fill(namespace, 1)
                assert [at for _, at in await take(pokes, 1)] == [n]


async def test_where_the_last_message_was_deleted_by_hand_subscriptions_go_on(
    database_url: str, serve_on: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    server = await serve_on(database_url, poll_interval=OFTEN)
    namespace = await server.namespace()
    await fill(namespace, 5)
    async with namespace.subscribe(all=True) as pokes:
        assert len(await take(pokes, 5)) == 5
        await (await connect(database_url)).execute(DELETE)
        await namespace.store.look()
        await fill(namespace, 1)
        with trio.fail_after(15):
            assert [at for _, at in await take(pokes, 1)] == [6]


@pytest.mark.parametrize("busy", [False, True])
async def test_after_a_long_while_readers_see_what_was_answered(
    database_url: str,
    serve_on: Callable[..., Any],
    connect: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    busy: bool,
) -> None:
    """Many times what one look at the tail goes through; somebody may be writing meanwhile."""
    monkeypatch.setattr(settled, "WINDOW", 10)
    server = await serve_on(database_url, poll_interval=NEVER)
    namespace = await server.namespace()
    await fill(namespace, 1)
    assert await namespace.store.settled_head() == 1
    await fill(namespace, 999)
    if busy:
        other = await connect(database_url)
        await other.execute("begin")
        await other.execute("lock table message_store.messages in row exclusive mode")
    assert (await namespace.store.read(AllQuery(position=990), 100)).count == 11
    await fill(namespace, 1000)
    assert await namespace.store.settled_head() == 2000
