"""`open_database("postgresql://...")` inside somebody's trio program."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
import trio
import trio_asyncio
from trio_asyncio import aio_as_trio

from mdb.database import Database, NewNamespace, open_database
from mdb.stores.base import OpenError
from mdb.stores.postgres import open_store
from tests.postgres.helpers import until


async def test_write_get_category_and_subscribe(database_url: str) -> None:
    async with open_database(database_url) as database:
        namespace, _token = await database.create_namespace(NewNamespace("tenant"))
        first = await namespace.write("account-1", "Opened", {"name": "Ann"})
        async with namespace.subscribe(category="account") as pokes:
            assert (await anext(pokes)).global_position == first.global_position
            await namespace.write("other-1", "Opened", {})
            await namespace.write("account-2", "Opened", {"name": "Bob"})
            poke = await anext(pokes)
            assert (poke.stream, poke.position, poke.global_position) == ("account-2", 0, 3)
        assert [m.data for m in await namespace.get("account-1")] == [{"name": "Ann"}]
        assert [m.stream for m in await namespace.category("account")] == ["account-1", "account-2"]


async def test_works_for_tasks_that_were_started_before_it_was_opened(database_url: str) -> None:
    """An embedding program's nurseries may be older than the database."""
    send, receive = trio.open_memory_channel[Database](0)
    done = trio.Event()

    async def earlier() -> None:
        database = await receive.receive()
        namespace, _ = await database.create_namespace(NewNamespace("tenant"))
        assert (await namespace.write("account-1", "Opened", {})).position == 0
        assert len(await namespace.get("account-1")) == 1
        done.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(earlier)
        async with open_database(database_url) as database:
            await send.send(database)
            await done.wait()


async def test_the_programs_own_asyncio_loop_stays_its_own(database_url: str) -> None:
    async with trio_asyncio.open_loop() as own:
        raw = await aio_as_trio(asyncpg.connect)(database_url)
        async with open_database(database_url) as database:
            assert trio_asyncio.current_loop.get() is own
            assert await aio_as_trio(raw.fetchval)("select 1") == 1
            await database.ensure_default()
        assert await aio_as_trio(raw.fetchval)("select 2") == 2
        raw.terminate()


async def test_two_databases_at_once(database_url: str) -> None:
    async with open_database(database_url) as one, open_database(database_url) as two:
        namespace, _ = await one.create_namespace(NewNamespace("tenant"))
        await namespace.write("account-1", "Opened", {})
        seen = await two.namespace("tenant")
        await seen.write("account-1", "Closed", {})
        assert [m.type for m in await namespace.get("account-1")] == ["Opened", "Closed"]


async def test_an_error_of_the_block_leaves_as_it_is(database_url: str) -> None:
    class Mine(Exception):
        pass

    with pytest.raises(Mine):
        async with open_store(database_url):
            raise Mine


async def test_not_a_database(database_url: str) -> None:
    with pytest.raises(OpenError, match="pool_size"):
        async with open_database(f"{database_url}?pool_size=0"):
            pass


async def test_cancelled_it_closes_in_order_and_keeps_what_it_began(
    database_url: str, connect: Callable[..., Any]
) -> None:
    watcher = await connect(database_url)
    written = trio.Event()
    count = 0

    async def program() -> None:
        nonlocal count
        async with open_database(database_url) as database:
            namespace, _ = await database.create_namespace(NewNamespace("tenant"))
            while True:
                await namespace.write("account-1", "Happened", {})
                count += 1
                if count == 20:
                    written.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(program)
        await written.wait()
        nursery.cancel_scope.cancel()
    schema = await watcher.fetchval("select schema_name from mdb.namespaces")
    stored = await watcher.fetchval(f'select count(*) from "{schema}".messages')
    assert count <= stored <= count + 1
    sessions = (
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and application_name = 'mdb'"
    )
    await until(watcher, sessions, holds=operator.not_)
