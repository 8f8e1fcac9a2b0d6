"""Postgres goes away, in every moment that matters, and what the writers are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import trio

from actors import OutcomeUnknown, Unavailable
from mdb.core.errors import BackendUnavailable, Overloaded, WriteUncertain
from mdb.core.messages import IdConflict, NamespaceRecord, StreamQuery, Written
from mdb.database import open_database
from mdb.stores.postgres import open_store, writes
from mdb.stores.postgres.namespace import PostgresNamespace
from tests.fixtures.postgres_server import PostgresServer
from tests.postgres.helpers import digest, one, rows, until, write

WAITS = "select count(*) from pg_locks where locktype = 'advisory' and not granted"


async def test_a_stopped_server_means_unavailable_and_all_recovers(
    private_postgres: Callable[..., PostgresServer],
) -> None:
    server = private_postgres(durable=True)
    async with open_store(server.url()) as store:
        record = await store.create_namespace("tenant", token_digest=digest("t"))
        namespace = store.namespace(record)
        await namespace.open()
        await write(namespace, one("a-1"))
        await trio.to_thread.run_sync(server.stop)
        with pytest.raises(Unavailable):
            await namespace.commit([one("a-1")])
        with pytest.raises(Unavailable):
            await namespace.open()
        with pytest.raises(BackendUnavailable):
            await namespace.read(StreamQuery("a-1"), 10)
        with pytest.raises(BackendUnavailable):
            await store.ping()
        await trio.to_thread.run_sync(server.start)
        await namespace.open()
        assert await write(namespace, one("a-1")) == [(1, 2)]
        assert len(rows(await namespace.read(StreamQuery("a-1"), 10))) == 2


async def test_a_restart_between_two_reads_is_not_noticed(
    private_postgres: Callable[..., PostgresServer],
) -> None:
    server = private_postgres()
    async with open_store(server.url()) as store:
        record = await store.create_namespace("tenant", token_digest=digest("t"))
        namespace = store.namespace(record)
        await write(namespace, one("a-1"))
        await trio.to_thread.run_sync(server.restart)
        assert await namespace.version("a-1") == 0
        assert await store.find_namespace("tenant") == record


async def lose_while_waiting_for_the_lock(
    namespace: PostgresNamespace, batch: list[Any], watcher: Any, how: Callable[[], Any]
) -> None:
    """Commit a batch, and lose its connection while the server is at it."""
    failures: list[Exception] = []

    async def commit() -> None:
        try:
            await namespace.commit(batch)
        except OutcomeUnknown as exc:
            failures.append(exc)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(commit)
        await until(watcher, WAITS)
        await how()
    assert len(failures) == 1


async def test_a_session_that_is_ended_in_a_commit_leaves_the_outcome_open(
    namespace: PostgresNamespace,
    record: NamespaceRecord,
    database_url: str,
    connect: Callable[..., Any],
) -> None:
    holder, watcher = await connect(database_url), await connect(database_url)
    await holder.execute(f'begin; select "{record.location}".lock_namespace()')
    batch = [one("a-1"), one("a-2")]

    async def end_it() -> None:
        await watcher.fetch("select pg_terminate_backend(pid) from pg_locks where not granted")

    await lose_while_waiting_for_the_lock(namespace, batch, watcher, end_it)
    await holder.execute("commit")
    assert await namespace.settle(batch) == [None, None]
    assert await write(namespace, *batch) == [(0, 1), (0, 2)]


async def test_what_a_lost_session_may_still_do_is_made_impossible_before_the_look(
    namespace: PostgresNamespace,
    record: NamespaceRecord,
    database_url: str,
    connect: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection breaks, the server has not noticed, and its session waits to write."""
    holder, watcher = await connect(database_url), await connect(database_url)
    await holder.execute(f'begin; select "{record.location}".lock_namespace()')
    batch = [one("a-1")]
    sessions: list[Any] = []
    genuine = writes.commit

    async def spied(session: Any, *args: Any) -> Any:
        sessions.append(session)
        return await genuine(session, *args)

    monkeypatch.setattr(writes, "commit", spied)

    async def break_it() -> None:
        sessions[0].terminate()

    await lose_while_waiting_for_the_lock(namespace, batch, watcher, break_it)
    # The server has not heard of it.
    assert await watcher.fetchval(WAITS) == 1
    found: list[Any] = []

    async def settle() -> None:
        found.extend(await namespace.settle(batch))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(settle)
        gone = "select not exists (select from pg_stat_activity where pid = $1)"
        await until(watcher, gone, sessions[0].id.pid)
        await until(watcher, WAITS)
        assert found == []  # it waits for the lock, too
        await holder.execute("commit")
    assert found == [None]
    assert await namespace.message_count() == 0


async def test_settling_finds_what_was_written(namespace: PostgresNamespace) -> None:
    first, second, third = one("a-1", data={"n": 1}), one("a-2"), one("a-3")
    await write(namespace, first, second)
    found = await namespace.settle([first, third, second])
    assert found == [Written(((0, 1),)), None, Written(((0, 2),))]
    other = one("a-1", id=first.messages[0].id, data={"n": 2})
    assert await namespace.settle([other]) == [IdConflict(first.messages[0].id)]


async def test_a_second_try_of_what_stood_already_is_news_and_not_a_fault(
    namespace: PostgresNamespace,
) -> None:
    """An id of our own is not looked up; it meets the index, and is then found to be the same."""
    sent = one("a-1", data=1)
    await write(namespace, sent)
    assert await namespace.commit([sent]) == [Written(((0, 1),))]
    # Of a batch as well.
    _other, again = await namespace.commit([one("a-2"), sent])
    assert again == Written(((0, 1),))
    assert await namespace.message_count() == 2


async def test_waiting_for_a_lock_is_bounded_and_means_that_nothing_was_written(
    record: NamespaceRecord,
    database_url: str,
    connect: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mdb.stores.postgres.connect.LOCK_TIMEOUT", "200ms")
    holder = await connect(database_url)
    await holder.execute(f'begin; select "{record.location}".lock_namespace()')
    async with open_store(database_url) as store:
        namespace = store.namespace(record)
        with pytest.raises(Unavailable):
            await namespace.commit([one("a-1")])
        await holder.execute("commit")
        assert (await write(namespace, one("a-1")))[0][0] == 0


async def test_kill_in_the_middle_of_writes_loses_and_doubles_nothing(
    private_postgres: Callable[..., PostgresServer],
) -> None:
    server = private_postgres(durable=True)
    answered: dict[str, int] = {}
    refused: set[str] = set()
    uncertain: set[str] = set()
    running = True
    async with open_database(server.url()) as database:
        await database.ensure_default()
        namespace = await database.namespace()
        enough = trio.Event()

        async def writer(number: int) -> None:
            count = 0
            while running:
                count += 1
                uuid = str(uuid4())
                try:
                    result = await namespace.write(
                        f"account-{number % 10}", "Happened", {"n": count}, id=uuid
                    )
                    answered[uuid] = result.position
                except (BackendUnavailable, Overloaded):
                    refused.add(uuid)
                    await trio.lowlevel.checkpoint()
                except WriteUncertain:
                    uncertain.add(uuid)
                if len(answered) >= target:
                    enough.set()

        target = 300
        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(writer, number)
            for _ in range(3):
                await enough.wait()
                await trio.to_thread.run_sync(server.kill)
                await trio.to_thread.run_sync(server.start)
                target = len(answered) + 300
                enough = trio.Event()
            with trio.fail_after(60):
                await enough.wait()
            running = False

        stored: dict[str, int] = {}
        for number in range(10):
            messages = await namespace.get(f"account-{number}", batch_size=10_000)
            assert [m.position for m in messages] == list(range(len(messages)))
            for found in messages:
                uuid = str(found.id)
                assert uuid not in stored
                stored[uuid] = found.position
    assert answered.items() <= stored.items()
    assert not refused & stored.keys()
    assert stored.keys() <= answered.keys() | uncertain
