"""Few sessions for many namespaces, and fairness among those who wait for them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from mdb.core.messages import NamespaceRecord, StreamQuery
from mdb.database import NewNamespace, open_database
from mdb.stores.postgres import PostgresStore, open_store
from mdb.stores.postgres.faults import Saturated
from mdb.stores.postgres.namespace import PostgresNamespace
from mdb.stores.postgres.pool import SLOT_LIMIT, Slots
from tests.postgres.helpers import digest, one, rows, until, write

SESSIONS = (
    "select count(*) from pg_stat_activity"
    " where datname = current_database() and application_name = 'mdb'"
)
WAITS = "select count(*) from pg_locks where locktype = 'advisory' and not granted"


async def test_neither_kind_takes_all_the_places() -> None:
    slots = Slots(8)
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(slots.take, "read")
        await trio.testing.wait_all_tasks_blocked()
        assert slots.waiting == 4  # six are taken
        for _ in range(3):
            nursery.start_soon(slots.take, "write")
        await trio.testing.wait_all_tasks_blocked()
        assert slots.waiting == 5  # two writers went past the readers
        slots.give("write")
        await trio.testing.wait_all_tasks_blocked()
        assert slots.waiting == 4
        for _ in range(4):
            slots.give("read")
        await trio.testing.wait_all_tasks_blocked()
        assert slots.waiting == 0


async def test_within_a_kind_the_first_to_come_is_the_first_to_go() -> None:
    slots = Slots(2)
    await slots.take("read")
    order: list[int] = []

    async def taker(number: int) -> None:
        await slots.take("read")
        order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(taker, number)
            await trio.testing.wait_all_tasks_blocked()
        for _ in range(3):
            slots.give("read")
            await trio.testing.wait_all_tasks_blocked()
    assert order == [0, 1, 2]


async def test_the_wait_for_a_place_is_bounded(autojump_clock: trio.testing.MockClock) -> None:
    slots = Slots(2)
    await slots.take("read")
    with pytest.raises(Saturated, match="no database connection within"):
        await slots.take("read")
    assert trio.current_time() == pytest.approx(SLOT_LIMIT)
    assert slots.waiting == 0


async def test_a_waiter_that_is_cancelled_takes_no_place() -> None:
    slots = Slots(2)
    await slots.take("read")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(slots.take, "read")
        await trio.testing.wait_all_tasks_blocked()
        # Cancelled and granted in the same moment.
        nursery.cancel_scope.cancel()
        slots.give("read")
    assert slots.waiting == 0
    with trio.fail_after(1):
        await slots.take("read")


async def test_two_hundred_namespaces_at_once_get_along_with_twenty_connections(
    database_url: str, connect: Callable[..., Any]
) -> None:
    watcher = await connect(database_url)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, await watcher.fetchval(SESSIONS))

    async with open_database(database_url) as database:
        limiter = trio.CapacityLimiter(4)

        async def create(number: int) -> None:
            async with limiter:
                await database.create_namespace(NewNamespace(f"tenant-{number}"))

        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(create, number)

        everybody_there = trio.Event()
        arrived = 0

        async def use(number: int) -> None:
            nonlocal arrived
            namespace = await database.namespace(f"tenant-{number}")
            arrived += 1
            if arrived == 200:
                everybody_there.set()
            await everybody_there.wait()
            for n in range(3):
                result = await namespace.write("account-1", "Opened", {"n": n})
                assert result.position == n
                assert len(await namespace.get("account-1")) == n + 1

        async with trio.open_nursery() as watching:
            watching.start_soon(watch)
            async with trio.open_nursery() as users:
                for number in range(200):
                    users.start_soon(use, number)
            watching.cancel_scope.cancel()
        assert await database.store.ping() <= 20  # the pool, one that notifies, one that listens
    assert 2 < most <= 20  # the pool, one that notifies, one that listens


async def test_two_tenants_never_wait_for_each_other(
    store: PostgresStore,
    record: NamespaceRecord,
    namespace: PostgresNamespace,
    database_url: str,
    connect: Callable[..., Any],
) -> None:
    neighbour = store.namespace(await store.create_namespace("b", token_digest=digest("b")))
    other, watcher = await connect(database_url), await connect(database_url)
    await other.execute("begin")
    await other.fetch(
        f'select "{record.location}".write_message('
        "gen_random_uuid()::varchar, 'account-1', 'Opened', '{}')"
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(write, namespace, one("account-1"))
        with trio.fail_after(10):
            await until(watcher, WAITS)
            # One tenant's writer waits for the lock; the other's does not.
            assert await write(neighbour, one("account-1")) == [(0, 1)]
            assert await write(neighbour, one("account-1"), one("account-2")) == [(1, 2), (0, 3)]
            assert await watcher.fetchval(WAITS) == 1
        await other.execute("commit")
    assert await namespace.version("account-1") == 1


async def test_readers_go_on_while_every_writer_waits(
    database_url: str, connect: Callable[..., Any]
) -> None:
    async with open_store(f"{database_url}?pool_size=4") as store:
        other, watcher = await connect(database_url), await connect(database_url)
        await other.execute("begin")
        spaces = []
        for number in range(6):
            record = await store.create_namespace(f"t{number}", token_digest=digest(str(number)))
            spaces.append(store.namespace(record))
            await write(spaces[-1], one("a-1"))
            await other.fetch(f'select "{record.location}".lock_namespace()')
        async with trio.open_nursery() as nursery:
            for space in spaces:
                nursery.start_soon(write, space, one("a-1"))
            with trio.fail_after(10):
                await until(watcher, WAITS, holds=lambda n: n >= 3)
                for space in spaces:
                    assert len(rows(await space.read(StreamQuery("a-1"), 10))) == 1
            await other.execute("commit")
        assert [await space.version("a-1") for space in spaces] == [1] * 6


async def test_a_read_that_is_cancelled_leaves_nothing_behind(
    record: NamespaceRecord, database_url: str, connect: Callable[..., Any]
) -> None:
    """Not a running query, not a lost place: with two sessions a single one for readers."""
    other = await connect(database_url)
    async with open_store(f"{database_url}?pool_size=2") as store:
        namespace = store.namespace(record)
        await write(namespace, one("a-1"))
        await other.execute(f'begin; lock table "{record.location}".messages')
        watcher = await connect(database_url)
        waits = "select count(*) from pg_locks where locktype = 'relation' and not granted"
        for _ in range(3):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(namespace.read, StreamQuery("a-1"), 10)
                await until(watcher, waits)
                nursery.cancel_scope.cancel()
            await until(watcher, waits, holds=operator.not_)
        await other.execute("commit")
        with trio.fail_after(10):
            assert len(rows(await namespace.read(StreamQuery("a-1"), 10))) == 1
        assert await watcher.fetchval(SESSIONS) <= 2


async def test_a_worn_session_is_replaced(
    database_url: str, monkeypatch: pytest.MonkeyPatch, connect: Callable[..., Any]
) -> None:
    monkeypatch.setattr("mdb.stores.postgres.session.MAX_SCHEMAS", 3)
    other = await connect(database_url)
    pids = SESSIONS.replace("count(*)", "pid")
    async with open_store(database_url) as store:
        before = {r[0] for r in await other.fetch(pids)}
        for name in "abcd":
            record = await store.create_namespace(name, token_digest=digest(name))
            await write(store.namespace(record), one("a-1"))
        await store.ping()
        assert not before & {r[0] for r in await other.fetch(pids)}
