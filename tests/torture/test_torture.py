"""Whoever follows is told of each message exactly once, in order, whatever happens around them.

`make soak` runs it longer, with ten seeds: `SEEDS`, `SECONDS_EACH`, and `SEED` for the first one.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

import mdb
from tests.fixtures import server
from tests.fixtures.openers import SCRATCH
from tests.torture.lossy_server import mishear
from tests.torture.over_http import Remote, start_lossy
from tests.torture.storm import CONNECTIONS, CUT, INSTALL, STORED, Server, torture
from tests.torture.subscribers import Stored

FIRST = int(os.environ.get("SEED", "1"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("SEEDS", "1")))
SECONDS = float(os.environ.get("SECONDS_EACH", "5"))
OVER_HTTP = SECONDS if "SECONDS_EACH" in os.environ else SECONDS / 2

pytestmark = pytest.mark.timeout(120 + 10 * SECONDS)


@pytest.mark.parametrize("seed", SEEDS)
async def test_two_servers_and_direct_writers_on_one_postgres(
    seed: int, database_url: str, connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    mishear(monkeypatch, seed)
    async with (
        mdb.open(database_url, poll_interval=0.2) as one,
        mdb.open(database_url, poll_interval=0.2) as other,
    ):
        servers = [await one.namespace(), await other.namespace()]
        await on_postgres(seed, servers, database_url, connect, SECONDS)


@pytest.mark.parametrize("seed", SEEDS)
async def test_over_http_two_servers_and_direct_writers_on_one_postgres(
    seed: int, database_url: str, connect: Callable[..., Any]
) -> None:
    options = (f"--db-url={database_url}", "--poll-interval=0.2")
    with start_lossy(seed, *options) as one, start_lossy(seed + 1, *options) as other:
        servers = [Remote(one), Remote(other)]
        await on_postgres(seed, servers, database_url, connect, OVER_HTTP)
        await ended(servers, one, other)


async def on_postgres(
    seed: int,
    servers: Sequence[Server],
    url: str,
    connect: Callable[..., Any],
    seconds: float,
) -> None:
    connections = [await connect(url) for _ in range(CONNECTIONS)]
    await connections[0].execute(INSTALL)

    async def stored() -> list[Stored]:
        return [Stored(*row) for row in await connections[0].fetch(STORED)]

    judge(seed, *await torture(seed, servers, connections, seconds=seconds, stored=stored))


def judge(seed: int, count: int, faults: list[str]) -> None:
    print(f"seed {seed}: {count} messages, {len(faults)} subscribers with faults")
    assert faults == []
    assert count > 100


async def ended(remotes: Sequence[Remote], *servers: server.Server) -> None:
    """End the servers in order; what they had to say of themselves is a fault."""
    for remote in remotes:
        await remote.close()
    for running in servers:
        assert await trio.to_thread.run_sync(running.stop) == 0
        assert running.stderr == ""


@pytest.mark.parametrize("seed", SEEDS)
async def test_one_server_on_sqlite(seed: int) -> None:
    with tempfile.TemporaryDirectory(prefix="mdb-", dir=SCRATCH) as scratch:
        async with mdb.open(f"sqlite:///{scratch}/data") as server:
            namespace = await server.namespace()

            async def stored() -> list[Stored]:
                found, position = [], 0
                for category in ("c0", "c1", "c2"):
                    position = 0
                    while page := await namespace.category(category, position=position):
                        position = page[-1].global_position + 1
                        found += [
                            Stored(
                                m.stream,
                                m.position,
                                m.global_position,
                                correlation_of(m.metadata),
                            )
                            for m in page
                        ]
                return sorted(found, key=lambda m: m.global_position)

            judge(seed, *await torture(seed, [namespace], [], seconds=SECONDS / 2, stored=stored))


@pytest.mark.parametrize("seed", SEEDS)
async def test_over_http_one_server_on_sqlite(seed: int, tmp_path: Path) -> None:
    with start_lossy(seed, f"--data-dir={tmp_path}") as running:
        remote = Remote(running)

        async def stored() -> list[Stored]:
            return [
                Stored(m[1], m[3], m[4], correlation_of(m[6]))
                for m in await remote.stored(("c0", "c1", "c2"))
            ]

        judge(seed, *await torture(seed, [remote], [], seconds=OVER_HTTP, stored=stored))
        await ended([remote], running)


def correlation_of(metadata: dict[str, object] | None) -> str | None:
    return str((metadata or {}).get("correlationStreamName", "")).partition("-")[0] or None


@pytest.mark.parametrize("seed", SEEDS)
async def test_notifications_alone_with_listeners_that_are_cut_off(
    seed: int, database_url: str, connect: Callable[..., Any]
) -> None:
    """Without a poll to help: what was notified while nobody listened is read at the return."""
    chance = random.Random(seed)
    killer = await connect(database_url)
    async with (
        mdb.open(database_url, poll_interval=3600) as one,
        mdb.open(database_url, poll_interval=3600) as other,
    ):
        writing, following = await one.namespace(), await other.namespace()
        async with following.subscribe(all=True) as pokes:
            expected, told = [], []
            for _ in range(10):
                if chance.random() < 0.7:
                    await killer.execute(CUT)
                for _ in range(chance.randint(1, 3)):
                    result = await writing.write(f"a-{chance.randrange(4)}", "T", {})
                    expected.append(result.global_position)
                with trio.move_on_after(10):
                    while len(told) < len(expected):
                        told.append((await anext(pokes)).global_position)
                assert told == expected
