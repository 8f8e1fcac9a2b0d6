"""The primary dies, the standby takes over, and everything goes on by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import asyncpg
import trio
from trio_asyncio import aio_as_trio

import mdb
from mdb.core import ids
from mdb.namespace import Namespace
from tests.fixtures.postgres_server import PostgresServer

REPLICATED = {"wal_level": "replica", "max_wal_senders": "4", "hot_standby": "on"}


async def ask(server: PostgresServer, *statements: str) -> Any:
    raw = await aio_as_trio(asyncpg.connect)(server.url(), timeout=10)
    try:
        for statement in statements:
            answer = await aio_as_trio(raw.fetchval)(statement)
        return answer
    finally:
        raw.terminate()


async def pair(start: Callable[..., PostgresServer]) -> tuple[PostgresServer, PostgresServer]:
    """A primary and its synchronous standby."""
    primary = start(durable=True, settings=REPLICATED)
    standby = start(durable=True, settings=REPLICATED)
    await trio.to_thread.run_sync(standby.stop)
    await trio.to_thread.run_sync(standby.follow, primary)
    await trio.to_thread.run_sync(standby.start)
    await ask(
        primary,
        "alter system set synchronous_standby_names = '*'",
        "select pg_reload_conf()",
    )
    with trio.fail_after(30):
        while not await ask(
            primary, "select count(*) from pg_stat_replication where sync_state = 'sync'"
        ):
            await trio.lowlevel.checkpoint()
    return primary, standby


async def test_no_acknowledged_write_is_lost_and_subscriptions_are_complete(
    private_postgres: Callable[..., PostgresServer], asyncio_loop: Any
) -> None:
    primary, standby = await pair(private_postgres)
    url = f"postgresql://postgres@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/postgres"
    acknowledged: set[str] = set()
    told: list[int] = []
    some, more = trio.Event(), trio.Event()

    async def write(namespace: Namespace, stream: str) -> None:
        while True:
            one = ids.format_uuid(ids.new_id())
            while one not in acknowledged:
                try:
                    await namespace.write(stream, "T", {}, id=one)
                except (mdb.BackendUnavailable, mdb.WriteUncertain, mdb.Overloaded):
                    await trio.lowlevel.checkpoint()  # the same again, with the same id
                else:
                    acknowledged.add(one)
            if len(acknowledged) >= 30:
                some.set()
            if goal and len(acknowledged) >= goal[0]:
                more.set()

    async def follow(namespace: Namespace) -> None:
        async with namespace.subscribe(all=True) as pokes:
            async for poke in pokes:
                told.append(poke.global_position)  # noqa: PERF401  (looked at while it grows)

    goal: list[int] = []
    async with mdb.open(url, poll_interval=0.05) as database:
        namespace = await database.namespace()
        async with trio.open_nursery() as following:
            following.start_soon(follow, namespace)
            async with trio.open_nursery() as writing:
                for number in range(4):
                    writing.start_soon(write, namespace, f"a-{number}")
                with trio.fail_after(30):
                    await some.wait()
                await trio.to_thread.run_sync(primary.kill)
                await ask(standby, "select pg_promote()")
                goal.append(len(acknowledged) + 30)
                with trio.fail_after(60):
                    await more.wait()
                writing.cancel_scope.cancel()
            # Writes that were given up are carried out all the same: this one comes after them.
            await namespace.write("a-0", "Last", {})
            stored = [m for n in range(4) for m in await namespace.get(f"a-{n}")]
            assert acknowledged <= {str(message.id) for message in stored}
            with trio.fail_after(30):
                while len(told) < len(stored):
                    await trio.lowlevel.checkpoint()
            following.cancel_scope.cancel()
    assert told == sorted(message.global_position for message in stored)
