"""Whoever follows is told of each message exactly once, in order, whatever happens around them.

`make soak` runs it longer, with ten seeds; `SEEDS`, `SECONDS` and `SEED` (the first one) choose.
"""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable
from typing import Any

import pytest
import trio

import mdb
from mdb.stores.postgres.news import News
from mdb.stores.postgres.sql import REGISTRY_SCHEMA
from tests.fixtures.openers import SCRATCH
from tests.torture.storm import CONNECTIONS, CUT, INSTALL, STORED, torture
from tests.torture.subscribers import Stored

FIRST = int(os.environ.get("SEED", "1"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("SEEDS", "1")))
SECONDS = float(os.environ.get("SECONDS_EACH", "5"))

pytestmark = pytest.mark.timeout(120 + 10 * SECONDS)


@pytest.fixture
def lossy(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Notifications get lost, every other one."""

    def begin(seed: int) -> None:
        chance, hear = random.Random(seed), News.hear

        def mishear(news: News, schema: str) -> None:
            if schema == REGISTRY_SCHEMA or chance.random() < 0.5:
                hear(news, schema)

        monkeypatch.setattr(News, "hear", mishear)

    return begin


@pytest.mark.parametrize("seed", SEEDS)
async def test_two_servers_and_direct_writers_on_one_postgres(
    seed: int, database_url: str, connect: Callable[..., Any], lossy: Callable[[int], None]
) -> None:
    lossy(seed)
    async with (
        mdb.open(database_url, poll_interval=0.2) as one,
        mdb.open(database_url, poll_interval=0.2) as other,
    ):
        servers = [await one.namespace(), await other.namespace()]
        connections = [await connect(database_url) for _ in range(CONNECTIONS)]
        await connections[0].execute(INSTALL)

        async def stored() -> list[Stored]:
            return [Stored(*row) for row in await connections[0].fetch(STORED)]

        count, faults = await torture(seed, servers, connections, seconds=SECONDS, stored=stored)
    print(f"seed {seed}: {count} messages, {len(faults)} subscribers with faults")
    assert faults == []
    assert count > 100


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
                                str((m.metadata or {}).get("correlationStreamName", "")).partition(
                                    "-"
                                )[0]
                                or None,
                            )
                            for m in page
                        ]
                return sorted(found, key=lambda m: m.global_position)

            count, faults = await torture(seed, [namespace], [], seconds=SECONDS / 2, stored=stored)
    print(f"seed {seed}: {count} messages, {len(faults)} subscribers with faults")
    assert faults == []
    assert count > 100


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
