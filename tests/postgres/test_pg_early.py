"""A commit that is begun in one task's turn, and gone on with in another's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing
import trio_asyncio

import mdb
from actors import Deferred, OutcomeUnknown
from mdb.core.errors import BackendError, MdbError
from mdb.core.messages import Append, NamespaceRecord, Outcome, Written
from mdb.database import NewNamespace
from mdb.stores.postgres import PostgresStore, open_store
from mdb.stores.postgres.namespace import PostgresNamespace
from tests.fixtures.postgres_server import PostgresServer
from tests.fixtures.wire import Wire
from tests.postgres.helpers import digest, one, until, write

WAITS = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
PIDS = (
    "select array_agg(pid) from pg_stat_activity"
    " where datname = current_database() and application_name = 'mdb'"
)


def begun(namespace: PostgresNamespace, *batch: Append) -> Awaitable[Sequence[Outcome | Deferred]]:
    """Begin a commit; what is to be awaited."""
    outcome = namespace.begin(batch)
    assert outcome is not None
    return outcome


async def test_what_was_begun_is_carried_out_before_anybody_waits_for_it(
    namespace: PostgresNamespace,
    record: NamespaceRecord,
    database_url: str,
    connect: Callable[..., Any],
) -> None:
    watcher = await connect(database_url)
    await write(namespace, one("a-1"))  # prepares the statement
    loop = trio_asyncio.current_loop.get()
    outcome = begun(namespace, one("a-1"))
    assert trio_asyncio.current_loop.get() is loop
    await until(watcher, f'select count(*) = 2 from "{record.location}".messages')
    assert await outcome == [Written(((1, 2),), after=1)]
    assert trio_asyncio.current_loop.get() is loop


async def test_what_is_prepared_first_is_begun_as_well(namespace: PostgresNamespace) -> None:
    """It waits more than once; and it is ended by a task that knows nothing of the other."""
    outcomes: list[Outcome | Deferred] = []

    async def end(outcome: Awaitable[Sequence[Outcome | Deferred]]) -> None:
        outcomes.extend(await outcome)

    async with trio.open_nursery() as nursery:  # noqa: ASYNC112  (a task of its own ends it)
        nursery.start_soon(end, begun(namespace, one("a-1"), one("a-2", 7), one("a-3")))
    assert [type(outcome).__name__ for outcome in outcomes] == [
        "Written",
        "VersionConflict",
        "Written",
    ]


async def test_namespaces_begin_side_by_side_and_not_beyond_the_places(
    store: PostgresStore, namespace: PostgresNamespace, database_url: str
) -> None:
    async with open_store(f"{database_url}?pool_size=3") as small:
        records = [
            await small.create_namespace(name, token_digest=digest(name))
            for name in ("x", "y", "z")
        ]
        first, second, third = (small.namespace(record) for record in records)
        for each in (first, second, third):
            await each.open()
        async with trio.open_nursery() as nursery:  # so many sessions will be idle
            for use in (small.ping, small.ping, first.open):
                nursery.start_soon(use)
        assert small.statistics().connections == 3
        outcomes = [begun(first, one("a-1")), begun(second, one("a-1"))]
        # Two of three places are the most that writers get.
        assert third.begin([one("a-1")]) is None
        for outcome in outcomes:
            assert isinstance((await outcome)[0], Written)
        assert await begun(third, one("a-1")) == [Written(((0, 1),), after=0)]


async def test_nothing_is_begun_that_had_to_wait(
    store: PostgresStore, record: NamespaceRecord, namespace: PostgresNamespace
) -> None:
    fresh = PostgresNamespace(record, store._pool)
    assert fresh.begin([one("a-1")]) is None  # its schema was not looked at
    with namespace._moving():  # an import
        assert namespace.begin([one("a-1")]) is None
    await write(fresh, one("a-1"))
    assert await begun(fresh, one("a-1")) == [Written(((1, 2),), after=1)]


async def test_nothing_is_begun_on_sessions_that_are_dead(
    namespace: PostgresNamespace, database_url: str, connect: Callable[..., Any]
) -> None:
    watcher = await connect(database_url)
    await write(namespace, one("a-1"))
    pids = await watcher.fetchval(PIDS)
    await watcher.fetch("select pg_terminate_backend(pid) from unnest($1::int[]) pid", pids)
    await until(watcher, PIDS, holds=lambda now: not set(now or ()) & set(pids))
    assert namespace.begin([one("a-1")]) is None
    assert await write(namespace, one("a-1")) == [(1, 2)]
    assert await begun(namespace, one("a-1")) == [Written(((2, 3),), after=2)]


async def test_nothing_is_begun_in_a_store_that_is_closed(database_url: str) -> None:
    async with open_store(database_url) as store:
        record = await store.create_namespace("tenant", token_digest=digest("t"))
        namespace = store.namespace(record)
        await namespace.open()
    assert namespace.begin([one("a-1")]) is None


async def test_a_session_that_is_ended_after_the_beginning_leaves_the_outcome_open(
    namespace: PostgresNamespace,
    record: NamespaceRecord,
    database_url: str,
    connect: Callable[..., Any],
) -> None:
    await write(namespace, one("a-1"))
    holder, watcher = await connect(database_url), await connect(database_url)
    await holder.execute(f'begin; select "{record.location}".lock_namespace()')
    batch = [one("a-1")]
    outcome = begun(namespace, *batch)
    await until(watcher, WAITS)
    await watcher.fetch("select pg_terminate_backend(pid) from pg_locks where not granted")
    with pytest.raises(OutcomeUnknown):
        await outcome
    await holder.execute("commit")
    assert await namespace.settle(batch) == [None]
    assert await write(namespace, *batch) == [(1, 2)]


async def test_the_end_of_a_commit_that_was_begun_can_be_cancelled(
    namespace: PostgresNamespace,
    record: NamespaceRecord,
    database_url: str,
    connect: Callable[..., Any],
) -> None:
    await write(namespace, one("a-1"))
    holder, watcher = await connect(database_url), await connect(database_url)
    await holder.execute(f'begin; select "{record.location}".lock_namespace()')
    batch = [one("a-1")]
    with trio.CancelScope() as scope:
        outcome = begun(namespace, *batch)
        await until(watcher, WAITS)
        scope.cancel()
        await outcome
    assert scope.cancelled_caught
    await until(watcher, WAITS, holds=lambda count: count == 0)
    await holder.execute("commit")
    assert await namespace.settle(batch) == [None]
    assert await write(namespace, *batch) == [(1, 2)]


async def test_what_fails_at_once_fails_where_it_is_awaited(
    namespace: PostgresNamespace, store: PostgresStore
) -> None:
    await write(namespace, one("a-1"))
    for _ in range(20):  # more than there are places
        outcome = begun(namespace, one("a-\ud800"))
        with pytest.raises(BackendError):
            await outcome
    assert await begun(namespace, one("a-1")) == [Written(((1, 2),), after=1)]
    assert store.statistics().connections <= 2


async def test_work_that_waits_for_something_else_is_not_begun(
    namespace: PostgresNamespace, store: PostgresStore
) -> None:
    """A bug; but the session that was looked at for it is not lost, and nothing hangs."""
    await write(namespace, one("a-1"))
    for _ in range(20):
        with pytest.raises(RuntimeError, match="something of trio's"):
            store._pool.begin("write", "tenant", trio.lowlevel.checkpoint)
    assert await namespace.version("a-1") == 0
    assert await begun(namespace, one("a-1")) == [Written(((1, 2),), after=1)]


# Through the actor


@pytest.fixture
def beginnings(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether something was begun, each time that it was tried."""
    tried: list[bool] = []
    genuine = PostgresNamespace.begin

    def spied(namespace: PostgresNamespace, questions: Sequence[Append]) -> Any:
        outcome = genuine(namespace, questions)
        tried.append(outcome is not None)
        return outcome

    monkeypatch.setattr(PostgresNamespace, "begin", spied)
    return tried


async def test_a_lone_request_is_begun_in_the_turn_that_reads_it(
    database_url: str, beginnings: list[bool]
) -> None:
    async with mdb.open(database_url) as database:
        _, token = await database.create_namespace(NewNamespace("tenant"))
        head = [("Authorization", f"Bearer {token}")]
        async with trio.open_nursery() as nursery:
            port = await nursery.start(partial(mdb.serve, database, port=0))
            client = await Wire.connect(port)
            for position in range(3):
                body = b'["stream.write", "a-1", {"type": "T", "data": 1}]'
                answer = await client.request("POST", "/rpc", head, body)
                assert answer.result["position"] == position
                await trio.testing.wait_all_tasks_blocked()
            await client.close()
            nursery.cancel_scope.cancel()
    # The first one found no actor, and no sessions but those of the start.
    assert beginnings[-2:] == [True, True]


async def test_a_server_that_dies_after_the_beginning_costs_nothing_and_doubles_nothing(
    private_postgres: Callable[..., PostgresServer], beginnings: list[bool]
) -> None:
    server = private_postgres(durable=True)
    async with mdb.open(server.url()) as database:
        namespace, _ = await database.create_namespace(NewNamespace("tenant"))
        await namespace.write("a-1", "T", 0)
        await trio.testing.wait_all_tasks_blocked()  # the actor waits for more
        done = trio.Event()
        outcomes: list[Written | Exception] = []

        def note(outcome: Written | Exception) -> None:
            outcomes.append(outcome)
            done.set()

        with database.sweep:
            assert namespace.enqueue(one("a-1"), trio.current_time() + 60, note)
        assert beginnings == [True]
        server.kill()  # before any other task has had its turn
        await trio.to_thread.run_sync(server.start)
        with trio.fail_after(60):
            await done.wait()
        assert len(outcomes) == 1
        assert isinstance(outcomes[0], Written | MdbError)
        stands = len(await namespace.get("a-1")) - 1
        assert stands == isinstance(outcomes[0], Written)
