"""Answers are read from the socket by whoever waits for them, and by nobody in between."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Literal

import pytest
import trio
import trio.testing

from mdb.core.messages import NamespaceRecord, StreamQuery
from mdb.stores.postgres import PostgresStore, open_store
from mdb.stores.postgres.bridge import Bridge, open_bridge
from mdb.stores.postgres.faults import Lost
from mdb.stores.postgres.namespace import PostgresNamespace
from mdb.stores.postgres.session import Session
from mdb.stores.postgres.wire import Wire
from tests.fixtures.postgres_server import PostgresServer
from tests.postgres.helpers import digest, one, rows, until, write

PIDS = (
    "select array_agg(pid order by pid) from pg_stat_activity"
    " where datname = current_database() and application_name = 'mdb'"
)


def said(kind: bytes, body: bytes) -> bytes:
    """A message as the server sends it."""
    return kind + (len(body) + 4).to_bytes(4) + body


SETTING = said(b"S", b"TimeZone\0Etc/UTC\0")
GOODBYE = said(b"E", b"SFATAL\0C57P01\0Mterminating connection\0\0")


class Driver(asyncio.Protocol):
    """Makes an answer of every line that it is sent, as a driver would of the server's messages."""

    def __init__(self) -> None:
        self.transport: asyncio.BaseTransport | None = None
        self.taken = b""
        self.answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if b"poison" in data:
            raise ValueError("not understood")
        self.taken += data
        if self.answer is not None and self.taken.endswith(b"\n"):
            self.answer.set_result(self.taken)

    def connection_lost(self, _exc: Exception | None) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(ConnectionError("lost"))

    async def ask(self) -> bytes:
        self.answer = asyncio.get_running_loop().create_future()
        return await self.answer


class Line:
    """A driver whose socket was taken over, and the server's end of it."""

    def __init__(self, bridge: Bridge, driver: Driver, server: socket.socket) -> None:
        assert driver.transport is not None
        wire = Wire.over(driver.transport)
        assert wire is not None
        self.driver, self.server, self.wire = driver, server, wire
        self._bridge = bridge

    async def ask(self, limit: float = 60) -> bytes:
        return await self._bridge.run(self.driver.ask, limit=limit, wire=self.wire)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    async def connect(ours: socket.socket) -> Driver:
        loop = asyncio.get_running_loop()
        _transport, driver = await loop.create_connection(Driver, sock=ours)
        return driver

    ours, server = socket.socketpair()
    ours.setblocking(False)
    with server:
        async with open_bridge() as bridge:
            driver = await bridge.call(connect, ours, limit=5)
            yield Line(bridge, driver, server)
            assert driver.transport is not None
            driver.transport.close()
            await trio.testing.wait_all_tasks_blocked()


async def test_an_answer_in_pieces_is_read_to_its_end(line: Line) -> None:
    answers: list[bytes] = []

    async def ask() -> None:
        answers.append(await line.ask())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        for piece in (b"one ", b"two ", b"three\n"):
            await trio.testing.wait_all_tasks_blocked()
            assert not answers
            line.server.send(piece)
    assert answers == [b"one two three\n"]


async def test_what_the_server_says_in_between_is_taken_in(line: Line) -> None:
    assert line.wire.is_sound()
    line.server.send(SETTING + SETTING)
    assert line.wire.is_sound()
    assert line.driver.taken == SETTING + SETTING


@pytest.mark.parametrize(
    "last",
    [GOODBYE, SETTING + GOODBYE, SETTING[:-3], b"\0" * 40, b""],
    ids=["goodbye", "setting and goodbye", "part of a setting", "nonsense", "the end"],
)
async def test_a_goodbye_and_what_is_not_understood_end_an_idle_session(
    line: Line, last: bytes
) -> None:
    line.server.send(last)
    if not last:
        line.server.close()
    assert not line.wire.is_sound()


@pytest.mark.parametrize("how", ["ended", "reset", "poisoned"])
async def test_a_connection_that_breaks_ends_the_call(
    line: Line, how: Literal["ended", "reset", "poisoned"]
) -> None:
    async def fail() -> None:
        with trio.move_on_after(20) as scope, pytest.raises(Lost):
            await line.ask()
        assert not scope.cancel_called  # not until somebody gave up

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail)
        await trio.testing.wait_all_tasks_blocked()
        if how == "poisoned":
            line.server.send(b"poison")
        elif how == "ended":
            line.server.close()
        else:
            line.driver.transport.abort()  # type: ignore[union-attr]  (what dropping it does)


async def test_a_call_that_is_cancelled_reads_no_more(line: Line) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.ask)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert line.driver.answer is not None
    assert line.driver.answer.cancelled()
    # The guest loop reads what comes for the driver's own clean-up.
    line.wire.give_back()
    line.driver.answer = None
    line.server.send(b"late")
    await trio.testing.wait_all_tasks_blocked()
    assert line.driver.taken == b"late"


async def test_a_call_past_its_limit_is_lost(
    line: Line, autojump_clock: trio.testing.MockClock
) -> None:
    with pytest.raises(Lost):
        await line.ask(limit=5)
    assert trio.current_time() >= 5


def test_what_is_no_plain_socket_is_left_to_asyncio() -> None:
    assert Wire.over(asyncio.Transport()) is None


# With a server


@pytest.mark.parametrize("how", ["restart", "crash"])
async def test_a_write_after_a_restart_is_written_once_and_for_certain(
    private_postgres: Callable[..., PostgresServer], how: str
) -> None:
    server = private_postgres(durable=True)
    async with open_store(f"{server.url()}?pool_size=8") as store:
        record = await store.create_namespace("tenant", token_digest=digest("t"))
        namespace = store.namespace(record)
        async with trio.open_nursery() as nursery:
            for _ in range(4):  # so many sessions will be idle
                nursery.start_soon(store.ping)
        await write(namespace, one("a-1"))
        if how == "crash":
            await trio.to_thread.run_sync(server.kill)
            await trio.to_thread.run_sync(server.start)
        else:
            await trio.to_thread.run_sync(server.restart)
        # Neither uncertain nor refused: nothing was sent on what was dead.
        assert [at for at, _ in await write(namespace, one("a-1"))] == [1]
        assert await namespace.version("a-1") == 1
        assert store.statistics().connections <= 2


async def test_sessions_that_were_ended_while_idle_are_not_written_to(
    namespace: PostgresNamespace, database_url: str, connect: Callable[..., Any]
) -> None:
    watcher = await connect(database_url)
    assert await write(namespace, one("a-1")) == [(0, 1)]
    before = await watcher.fetchval(PIDS)
    # Returns once they are gone, and so have said goodbye.
    end = "select pg_terminate_backend(pid, 60000) from unnest($1::int[]) pid"
    await watcher.fetch(end, before)
    assert await write(namespace, one("a-1")) == [(1, 2)]
    await until(watcher, PIDS, holds=lambda now: not set(now) & set(before))


async def test_a_session_that_hears_something_while_idle_is_used_again(
    store: PostgresStore,
    namespace: PostgresNamespace,
    database_url: str,
    connect: Callable[..., Any],
) -> None:
    async def listen(session: Session) -> int:
        await session.raw.execute("listen something")
        return await session.value("select pg_backend_pid()")

    use = partial(store._pool.run, "read", schema="tenant", limit=10)
    pid = await use(listen)
    watcher = await connect(database_url)
    for _ in range(3):
        await watcher.execute("notify something")
        assert await use(Session.value, "select pg_backend_pid()") == pid
    assert await write(namespace, one("a-1")) == [(0, 1)]


async def test_what_takes_many_reads_and_writes_comes_through_whole(
    namespace: PostgresNamespace,
) -> None:
    text = "x" * 1_000_000
    await write(namespace, *(one("a-1", data=[number, text]) for number in range(12)))
    found = rows(await namespace.read(StreamQuery("a-1"), 12))
    assert found
    for number, row in enumerate(found):
        data = next(item for item in row if isinstance(item, list))
        assert data == [number, text]
    assert json.loads((await namespace.last("a-1", None)) or b"")


async def test_a_commit_that_is_cancelled_is_known_by_its_session(
    namespace: PostgresNamespace,
    record: NamespaceRecord,
    database_url: str,
    connect: Callable[..., Any],
) -> None:
    """It has no limit of its own: what sets one learns afterwards what became of it."""
    holder, watcher = await connect(database_url), await connect(database_url)
    await holder.execute(f'begin; select "{record.location}".lock_namespace()')
    batch = [one("a-1")]
    waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(namespace.commit, batch)
            await until(watcher, waits)
            scope.cancel()
    assert scope.cancelled_caught
    by = namespace._attempt.by
    assert by is not None
    found: list[Any] = []

    async def settle() -> None:
        found.extend(await namespace.settle(batch))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(settle)
        await until(
            watcher, "select not exists (select from pg_stat_activity where pid = $1)", by.pid
        )
        await holder.execute("commit")
    assert found == [None]
    assert await write(namespace, *batch) == [(0, 1)]
