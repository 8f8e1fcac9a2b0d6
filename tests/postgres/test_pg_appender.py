"""Messages in the same transaction as the caller's own tables."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import trio
from trio_asyncio import aio_as_trio, trio_as_aio

import mdb
from tests.fixtures.postgres import Databases
from tests.postgres.helpers import until

# No poll comes to the help of a notification that was lost.
RARELY = 60.0

Work = Callable[[Any], Awaitable[Any]]


@pytest.fixture
async def database(database_url: str, asyncio_loop: Any) -> AsyncIterator[mdb.Database]:
    async with mdb.open(database_url, poll_interval=RARELY) as opened:
        yield opened


@pytest.fixture
async def namespace(database: mdb.Database) -> mdb.Namespace:
    return (await database.create_namespace(mdb.NewNamespace("tenant")))[0]


@pytest.fixture
async def appender(namespace: mdb.Namespace) -> mdb.Appender:
    return await namespace.appender()


@pytest.fixture
async def connection(connect: Callable[..., Any], database_url: str, appender: mdb.Appender) -> Any:
    """A connection of the caller's, with a table. After all that uses the store's own loop:
    fixtures that are set up at the same time share their context variables."""
    opened = await connect(database_url)
    await opened.execute("create table orders (number integer primary key)")
    return opened


async def within(connection: Any, work: Work, **options: Any) -> Any:
    """Run an asyncio function in one transaction."""

    async def run() -> Any:
        async with connection.raw.transaction(**options):
            return await work(connection.raw)

    return await aio_as_trio(run)()


async def test_row_and_message_stand_together_and_subscribers_everywhere_are_poked(
    database_url: str, namespace: mdb.Namespace, appender: mdb.Appender, connection: Any
) -> None:
    seen: list[object] = []

    async def order(raw: Any) -> mdb.WriteResult:
        await raw.execute("insert into orders values (1)")
        data = {"number": 1, "text": 'ü "\\', "big": 2**70}
        written = await appender.write(raw, "order-1", "Placed", data, {"by": "Ann"})
        # Nobody sees it yet, and a reader is not held up.
        other = await asyncpg.connect(database_url)
        table = f'"{namespace.record.location}".messages'
        seen.append(await other.fetchval(f"select count(*) from {table}"))
        await other.close()
        return written

    async with mdb.open(database_url, poll_interval=RARELY) as elsewhere:
        there = await elsewhere.namespace("tenant")
        async with (
            namespace.subscribe(category="order") as ours,
            there.subscribe(all=True) as theirs,
        ):
            written = await within(connection, order)
            assert seen == [0]
            assert (written.position, written.global_position) == (0, 1)
            for pokes in (ours, theirs):
                with trio.fail_after(30):
                    poke = await anext(pokes)
                assert (poke.stream, poke.position, poke.global_position) == ("order-1", 0, 1)
            [message] = await there.get("order-1")
    assert str(message.id) == written.id
    assert message.data == {"number": 1, "text": 'ü "\\', "big": 2**70}
    assert message.metadata == {"by": "Ann"}
    assert await connection.fetchval("select number from orders") == 1


async def test_followers_that_have_come_to_the_end_are_told_by_the_commit(
    database_url: str, appender: mdb.Appender, connection: Any
) -> None:
    """Round after round: without a word of the commit a follower would hear after a minute."""
    heard: dict[int, trio.Event] = {}

    async def order(raw: Any) -> mdb.WriteResult:
        return await appender.write(raw, "order-1", "Placed", {})

    async def follow(pokes: mdb.Subscription) -> None:
        async for poke in pokes:
            heard.setdefault(poke.position, trio.Event()).set()

    async with mdb.open(database_url, poll_interval=RARELY) as elsewhere:
        there = await elsewhere.namespace("tenant")
        async with there.subscribe(category="order") as pokes, trio.open_nursery() as nursery:
            nursery.start_soon(follow, pokes)
            for position in range(8):
                written = await within(connection, order)
                assert written.position == position
                with trio.fail_after(30):
                    await heard.setdefault(position, trio.Event()).wait()
                # The follower goes back to the database, finds nothing, and waits.
                await there.get("order-1", batch_size=1)
            nursery.cancel_scope.cancel()


async def test_what_is_rolled_back_was_never_there(
    namespace: mdb.Namespace, appender: mdb.Appender, connection: Any
) -> None:
    async def both(raw: Any) -> None:
        await raw.execute("insert into orders values (1)")
        await appender.write(raw, "order-1", "Placed", {})
        raise ZeroDivisionError

    async def to_a_savepoint(raw: Any) -> mdb.WriteResult:
        with pytest.raises(ZeroDivisionError):
            async with raw.transaction():
                await both(raw)
        return await appender.write(raw, "order-1", "Kept", {})

    async with namespace.subscribe(all=True) as pokes:
        with pytest.raises(ZeroDivisionError):
            await within(connection, both)
        assert await namespace.version("order-1") is None
        kept = await within(connection, to_a_savepoint)
        assert kept.position == 0
        with trio.fail_after(30):
            assert (await anext(pokes)).global_position == kept.global_position
    assert [m.type for m in await namespace.get("order-1")] == ["Kept"]
    assert await connection.fetchval("select count(*) from orders") == 0


async def test_a_conflict_writes_nothing_and_leaves_the_transaction_usable(
    namespace: mdb.Namespace, appender: mdb.Appender, connection: Any
) -> None:
    first = await namespace.write("order-1", "Placed", {}, id=str(uuid4()))

    async def order(raw: Any) -> None:
        with pytest.raises(mdb.StreamVersionConflict) as raised:
            await appender.write(raw, "order-1", "Placed", {}, expected_version=-1)
        assert raised.value.details == {"stream": "order-1", "expected": -1, "actual": 0}
        with pytest.raises(mdb.MessageIdConflict):
            await appender.write(raw, "order-1", "Placed", {"other": 1}, id=first.id)
        # The same message again is the same message.
        again = await appender.write(raw, "order-1", "Placed", {}, id=first.id, expected_version=9)
        assert again == first
        await raw.execute("insert into orders values (1)")
        await appender.write(raw, "order-1", "Paid", {}, expected_version=0)

    await within(connection, order)
    assert [m.type for m in await namespace.get("order-1")] == ["Placed", "Paid"]
    assert await connection.fetchval("select count(*) from orders") == 1


async def test_batches_and_transactions_see_what_this_transaction_wrote(
    namespace: mdb.Namespace, appender: mdb.Appender, connection: Any
) -> None:
    async def order(raw: Any) -> list[mdb.WriteResult]:
        batch = [mdb.Message("Line", n, {"n": n}, str(uuid4())) for n in range(3)]
        lines = await appender.write_batch(raw, "order-1", batch, expected_version=-1)
        assert await appender.write_batch(raw, "order-1", batch) == lines
        writes = [("order-1", mdb.Message("Closed", None)), ("stock-1", mdb.Message("Taken", 3))]
        with pytest.raises(mdb.StreamVersionConflict):
            await appender.transact(raw, writes, check={"order-1": 2, "guard-1": 0})
        return lines + await appender.transact(raw, writes, check={"order-1": 2, "guard-1": -1})

    written = await within(connection, order)
    assert [w.position for w in written] == [0, 1, 2, 3, 0]
    assert [m.data for m in await namespace.get("order-1")] == [0, 1, 2, None]
    assert [m.data for m in await namespace.get("stock-1")] == [3]


async def test_the_callers_codecs_and_settings_are_its_own(
    namespace: mdb.Namespace, appender: mdb.Appender, connection: Any
) -> None:
    async def order(raw: Any) -> str:
        codec = {"schema": "pg_catalog", "encoder": json.dumps, "decoder": json.loads}
        await raw.set_type_codec("jsonb", **codec)
        await raw.set_type_codec("uuid", schema="pg_catalog", encoder=str, decoder=str)
        await raw.execute("set search_path to nowhere; set synchronous_commit to off")
        await appender.write(raw, "order-1", "Placed", {"a": [1, None]})
        await appender.write_batch(raw, "order-1", [mdb.Message("X", 1), mdb.Message("Y", "z")])
        assert await raw.fetchval("""select '{"a": 1}'::jsonb""") == {"a": 1}
        setting: str = await raw.fetchval("show synchronous_commit")
        return setting

    # As durable as every other write, for this transaction alone.
    assert await within(connection, order) == "on"
    assert await connection.fetchval("show synchronous_commit") == "off"
    assert [m.data for m in await namespace.get("order-1")] == [{"a": [1, None]}, 1, "z"]


async def test_what_cannot_be_joined_is_refused(
    appender: mdb.Appender, connection: Any, connect: Callable[..., Any], postgres_server: Databases
) -> None:
    async def write(raw: Any) -> mdb.WriteResult:
        return await appender.write(raw, "order-1", "Placed", {})

    with pytest.raises(mdb.InvalidRequest, match="no transaction is open"):
        await aio_as_trio(write)(connection.raw)
    for isolation in ("repeatable_read", "serializable"):
        with pytest.raises(mdb.InvalidRequest, match="needs read committed"):
            await within(connection, write, isolation=isolation)
    elsewhere = await connect(postgres_server.admin_url)
    with pytest.raises(mdb.InvalidRequest, match="not in the connection's database"):
        await within(elsewhere, write)

    async def nameless(raw: Any) -> None:
        await appender.write(raw, "", "Placed", {})

    with pytest.raises(mdb.InvalidRequest, match="stream"):
        await within(connection, nameless)


async def test_a_namespace_in_sqlite_refuses() -> None:
    async with mdb.open("sqlite://:memory:") as database:
        namespace = await database.namespace()
        with pytest.raises(mdb.InvalidRequest, match="needs Postgres"):
            await namespace.appender()


async def test_a_deletion_waits_for_the_transaction_and_nothing_is_written_after_it(
    database_url: str, appender: mdb.Appender, connection: Any, connect: Callable[..., Any]
) -> None:
    """Deleted by another server, of which this one has not heard."""
    written, commit = trio.Event(), trio.Event()

    async def order(raw: Any) -> None:
        await appender.write(raw, "order-1", "Placed", {})
        written.set()
        await trio_as_aio(commit.wait)()

    async with mdb.open(database_url) as elsewhere, trio.open_nursery() as nursery:
        nursery.start_soon(within, connection, order)
        await written.wait()
        nursery.start_soon(elsewhere.delete_namespace, "tenant")
        waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        await until(await connect(database_url), waiting)
        assert (await elsewhere.namespace("tenant")).id == "tenant"
        commit.set()

    async def too_late(raw: Any) -> None:
        await appender.write(raw, "order-1", "Placed", {})

    with pytest.raises((mdb.AuthUnauthorized, mdb.InvalidRequest), match="deleted"):
        await within(connection, too_late)


async def test_cancelled_while_it_waits_it_leaves_nothing(
    namespace: mdb.Namespace,
    appender: mdb.Appender,
    connection: Any,
    connect: Any,
    database_url: str,
) -> None:
    holder = await connect(database_url)
    await holder.execute(f'begin; select "{namespace.record.location}".lock_namespace()')

    async def order(raw: Any) -> None:
        await raw.execute("insert into orders values (1)")
        await appender.write(raw, "order-1", "Placed", {})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(within, connection, order)
        await until(holder, "select count(*) from pg_locks where not granted")
        nursery.cancel_scope.cancel()
    await holder.execute("rollback")
    assert not connection.raw.is_in_transaction()
    assert await connection.fetchval("select count(*) from orders") == 0
    assert await namespace.version("order-1") is None
    await within(connection, order)
    assert await namespace.version("order-1") == 0


async def test_with_other_writers_positions_are_gapless_and_everyone_sees_them_in_order(
    namespace: mdb.Namespace, appender: mdb.Appender, connect: Callable[..., Any], database_url: str
) -> None:
    each = 15

    async def append() -> None:
        connection = await connect(database_url)
        for number in range(each):

            async def order(raw: Any, number: int = number) -> None:
                await appender.write(raw, f"order-{number % 2}", "Joined", number)

            await within(connection, order)

    async def write() -> None:
        for number in range(each):
            await namespace.write(f"order-{number % 2}", "Written", number)

    async with namespace.subscribe(all=True) as pokes, trio.open_nursery() as nursery:
        for work in (append, append, write, write):
            nursery.start_soon(work)
        got: list[mdb.Poke] = []
        with trio.fail_after(60):
            while len(got) < 4 * each:
                got.append(await anext(pokes))
    assert [p.global_position for p in got] == sorted({p.global_position for p in got})
    for stream in ("order-0", "order-1"):
        positions = [m.position for m in await namespace.get(stream)]
        assert positions == list(range(len(positions)))
        assert [p.position for p in got if p.stream == stream] == positions


def test_the_program_of_the_page_runs_as_printed(database_url: str, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "EMBEDDING.md").read_text("utf-8")
    [program] = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "program.py").write_text(program, "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "program.py"],
        cwd=tmp_path,
        env=os.environ | {"DATABASE_URL": database_url, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    expected = ["order 7 was placed already", "poked: order-7", "poked: order-8"]
    assert done.stdout.splitlines() == expected
