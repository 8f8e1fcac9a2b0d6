"""Who has read up to a position never finds a message at or below it later, whoever writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from mdb.core.messages import AllQuery
from mdb.stores.postgres.settled import Holder, Settled, Tail
from tests.subscribe.conftest import OFTEN
from tests.subscribe.writers import genuine, install, take

SCHEMA = "message_store"


async def test_readers_of_everything_wait_for_a_message_below(
    database_url: str, serve_on: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    """And those of other categories and streams do not."""
    server = await serve_on(database_url, poll_interval=OFTEN)
    namespace = await server.namespace()
    slow = await connect(database_url)
    await install(slow, SCHEMA)
    async with (
        namespace.subscribe(all=True) as everything,
        namespace.subscribe(category="b") as category,
        namespace.subscribe(stream="b-1") as stream,
        namespace.subscribe(category="a") as late,
    ):
        await namespace.write("b-1", "T", {})
        for pokes in (everything, category, stream):
            assert await take(pokes, 1) == [("b-1", 1)]
        await slow.execute("begin")
        await genuine(slow, SCHEMA, "a-1")
        for n in (3, 4):
            await namespace.write("b-1", "T", {})
            with trio.fail_after(15):
                assert await take(category, 1) == await take(stream, 1) == [("b-1", n)]
        # It was looked at, and somebody is waited for.
        assert await namespace.store.settled_head() == 1
        assert await namespace.store.head() == 4
        assert (await namespace.store.read(AllQuery(), 10)).count == 1
        assert (await namespace.store.read(AllQuery(backward=True, upto=4), 10)).count == 1
        await slow.execute("commit")
        with trio.fail_after(15):
            assert await take(everything, 3) == [("a-1", 2), ("b-1", 3), ("b-1", 4)]
            assert await take(late, 1) == [("a-1", 2)]
        assert (await namespace.store.read(AllQuery(), 10)).count == 4


async def test_a_number_that_never_comes_is_passed(
    database_url: str, serve_on: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    server = await serve_on(database_url, poll_interval=OFTEN)
    namespace = await server.namespace()
    slow = await connect(database_url)
    await install(slow, SCHEMA)
    async with namespace.subscribe(all=True) as everything:
        await slow.execute("begin")
        await genuine(slow, SCHEMA, "a-1")
        await namespace.write("b-1", "T", {})
        assert await namespace.store.settled_head() == 0
        await slow.execute("rollback")
        with trio.fail_after(15):
            assert await take(everything, 1) == [("b-1", 2)]


async def test_who_comes_while_somebody_writes_misses_nothing(
    database_url: str, serve_on: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    """A server that starts does not know who drew which number."""
    slow, quick = await connect(database_url), await connect(database_url)
    first = await serve_on(database_url, poll_interval=OFTEN)
    writing = await first.namespace()
    await install(slow, SCHEMA)
    await writing.write("b-1", "T", {})
    await slow.execute("begin")
    await genuine(slow, SCHEMA, "a-1")
    await genuine(quick, SCHEMA, "b-2")
    second = await serve_on(database_url, poll_interval=OFTEN)
    namespace = await second.namespace()
    async with (
        namespace.subscribe(all=True) as everything,
        namespace.subscribe(category="a") as category,
    ):
        with trio.fail_after(15):
            assert await take(everything, 1) == [("b-1", 1)]
        await slow.execute("commit")
        with trio.fail_after(15):
            assert await take(everything, 2) == [("a-1", 2), ("b-2", 3)]
            assert await take(category, 1) == [("a-1", 2)]


async def test_it_does_not_wait_for_who_came_later(
    database_url: str, serve_on: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    """Under a load that never pauses there is always somebody who writes."""
    server = await serve_on(database_url, poll_interval=OFTEN)
    namespace = await server.namespace()
    early, later, quick = [await connect(database_url) for _ in range(3)]
    await install(quick, SCHEMA)
    async with namespace.subscribe(all=True) as everything:
        await early.execute("begin")
        await genuine(early, SCHEMA, "a-1")
        await genuine(quick, SCHEMA, "b-1")
        assert await namespace.store.settled_head() == 0
        await later.execute("begin")
        await genuine(later, SCHEMA, "c-1")
        await early.execute("rollback")
        with trio.fail_after(15):
            assert await take(everything, 1) == [("b-1", 2)]
        await later.execute("rollback")


def held(*holders: Holder) -> Settled:
    settled = Settled("tenant")
    assert not settled.advance(Tail(after=0, head=5, contiguous=2, visible=4))
    settled.hold(holders, 5, now=100.0)
    return settled


def test_a_transaction_that_is_prepared_meanwhile_is_waited_for() -> None:
    settled = held(Holder("5/10/77", 77))
    settled.note([Holder("-1/812/0", None)], now=101.0)
    assert settled.upto == 2
    settled.note([], now=102.0)
    assert settled.upto == 5
    assert settled.held is None


def test_who_holds_readers_back_is_named_after_ten_seconds(caplog: Any) -> None:
    settled = held(Holder("5/10/77", 77), Holder("6/3/78", 78))
    settled.note([Holder("5/10/77", 77), Holder("9/1/99", 99)], now=109.0)
    assert caplog.messages == []
    settled.note([Holder("5/10/77", 77), Holder("9/1/99", 99)], now=110.0)
    assert caplog.messages == [
        "namespace tenant: readers of everything have been held back for 10 s at global position "
        "2 by an open transaction that wrote messages: pid 77"
    ]
    settled.note([Holder("5/10/77", 77)], now=111.0)
    assert len(caplog.messages) == 1
    assert settled.held_for(111.0) == 11.0
    assert settled.held_by() == (77,)
