"""A genuine Message DB, served and written past the server at the same time; then released."""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import trio

import mdb
from mdb.stores.postgres import administration
from tests.fixtures.server import start_server
from tests.fixtures.wire import Wire
from tests.postgres.test_adopt import dumped

# `make soak` asks for more, and for no stall: that is for a machine that does nothing else.
MESSAGES = int(os.environ.get("ADOPTED_MESSAGES", "4000"))
LONGEST = 1.0 if "ADOPTED_MESSAGES" in os.environ else math.inf  # seconds
STREAMS = [f"{category}-{n}" for category in "abcdefghij" for n in range(5)]
CALLERS = 8  # of each side

HISTORY = """
    select write_message(gen_random_uuid()::text, s, 'Old', '{{}}')
    from generate_series(1, 40) n, unnest(array[{}]) s
"""
DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"


class Ledger:
    """What was answered, as all callers know it together."""

    def __init__(self) -> None:
        self.left = MESSAGES
        self.versions = dict.fromkeys(STREAMS, -1)
        self.written: dict[UUID, tuple[str, int]] = {}
        self.refused: set[UUID] = set()
        self.longest = 0.0

    def take(self, count: int) -> int:
        taken = min(count, self.left)
        self.left -= taken
        return taken

    def expected(self, stream: str, dice: random.Random) -> int | None:
        """A third of all writes expect what was last heard of, which others may have overtaken."""
        return self.versions[stream] if dice.random() < 1 / 3 else None

    def note(self, key: UUID, stream: str, position: int, expected: int | None) -> None:
        if expected is not None:
            assert position == expected + 1
        self.written[key] = (stream, position)
        self.versions[stream] = max(self.versions[stream], position)

    def refuse(self, key: UUID, stream: str, expected: int | None, actual: int) -> None:
        assert expected is not None
        assert actual != expected
        self.refused.add(key)
        self.versions[stream] = max(self.versions[stream], actual)
        self.left += 1

    def timed(self, begun: float) -> None:
        self.longest = max(self.longest, time.monotonic() - begun)


class Follower:
    """Follows everything from the beginning."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int, int]] = []
        self._enough: tuple[int, trio.Event] = (0, trio.Event())

    async def follow(self, namespace: mdb.Namespace) -> None:
        async with namespace.subscribe(all=True) as pokes:
            async for poke in pokes:
                self.seen.append((poke.stream, poke.position, poke.global_position))
                if len(self.seen) == self._enough[0]:
                    self._enough[1].set()

    async def wait_for(self, count: int) -> None:
        if len(self.seen) < count:
            self._enough = count, trio.Event()
            await self._enough[1].wait()


async def over_http(ledger: Ledger, port: int, token: str, dice: random.Random) -> None:
    wire = await Wire.connect(port)
    headers = [("Authorization", f"Bearer {token}")]
    while ledger.take(1):
        stream, key = dice.choice(STREAMS), uuid4()
        expected = ledger.expected(stream, dice)
        options = {"id": str(key), "expectedVersion": expected}
        call = ["stream.write", stream, {"type": "Http", "data": {}}, options]
        begun = time.monotonic()
        answer = await wire.request("POST", "/rpc", headers, json.dumps(call).encode())
        ledger.timed(begun)
        if answer.status == 200:
            ledger.note(key, stream, answer.result["position"], expected)
        else:
            assert answer.code == "STREAM_VERSION_CONFLICT", answer.body
            ledger.refuse(key, stream, expected, answer.json["error"]["details"]["actual"])
    await wire.close()


async def directly(ledger: Ledger, client: Any, dice: random.Random) -> None:
    """A fifth of the transactions write two categories, in the order that all such clients keep."""
    write = "select write_message($1, $2, 'Direct', '{}', null, $3)"
    while True:
        count = ledger.take(2 if dice.random() < 1 / 5 else 1)
        if count == 0:
            return
        chosen = sorted(dice.sample(STREAMS, count))
        begun = time.monotonic()
        if count == 2:
            keys = [uuid4(), uuid4()]
            await client.execute("begin")
            positions = [
                await client.fetchval(write, str(key), stream, None)
                for key, stream in zip(keys, chosen, strict=True)
            ]
            await client.execute("commit")
            ledger.timed(begun)
            for key, stream, position in zip(keys, chosen, positions, strict=True):
                ledger.note(key, stream, position, None)
            continue
        key, stream = uuid4(), chosen[0]
        expected = ledger.expected(stream, dice)
        try:
            position = await client.fetchval(write, str(key), stream, expected)
        except asyncpg.RaiseError as exc:
            ledger.timed(begun)
            actual = int(str(exc).rpartition("Stream Version: ")[2].rstrip(")"))
            ledger.refuse(key, stream, expected, actual)
        else:
            ledger.timed(begun)
            ledger.note(key, stream, position, expected)


async def test_direct_and_http_callers_write_the_same_streams_at_once(
    genuine_url: str, genuine_client: Callable[..., Any]
) -> None:
    watcher = await genuine_client()
    before = await trio.to_thread.run_sync(dumped, genuine_url)
    ledger = Ledger()
    # Some history first: sessions that see an empty table keep a plan that reads all of it.
    await watcher.execute(HISTORY.format(", ".join(f"'{stream}'" for stream in STREAMS)))
    await watcher.execute("analyze messages")
    for row in await watcher.fetch("select id, stream_name, position from messages"):
        ledger.note(row["id"], row["stream_name"], row["position"], None)
    clients = [await genuine_client() for _ in range(CALLERS)]
    follower = Follower()
    with start_server(["--adopt"], {"MESSAGEDB_DB_URL": genuine_url}) as server:
        token = server.default_token
        assert token is not None
        # Not timed: a server that has just started loads its application in the background.
        first = await Wire.connect(server.port)
        assert (await first.request("GET", "/ready")).status == 200
        await first.close()
        async with mdb.open(genuine_url) as other:
            namespace = await other.namespace()
            # A second server follows everything, whoever writes it.
            async with trio.open_nursery() as following:
                following.start_soon(follower.follow, namespace)
                async with trio.open_nursery() as writing:
                    for n, client in enumerate(clients):
                        writing.start_soon(directly, ledger, client, random.Random(n))
                        writing.start_soon(
                            over_http, ledger, server.port, token, random.Random(100 + n)
                        )
                with trio.fail_after(30):
                    await follower.wait_for(len(ledger.written))
                following.cancel_scope.cancel()
        assert server.stop() == 0
    stored = await watcher.fetch("select id, stream_name, position, global_position from messages")
    assert {row["id"]: (row["stream_name"], row["position"]) for row in stored} == ledger.written
    assert not ledger.refused & ledger.written.keys()
    positions = defaultdict(list)
    for row in sorted(stored, key=lambda row: row["global_position"]):
        positions[row["stream_name"]].append(row["position"])
    assert all(found == list(range(len(found))) for found in positions.values())
    assert follower.seen == sorted(
        ((r["stream_name"], r["position"], r["global_position"]) for r in stored),
        key=lambda poke: poke[2],
    )
    assert await watcher.fetchval(DEADLOCKS) == 0
    print(f"{len(stored)} messages, {len(ledger.refused)} refused, longest {ledger.longest:.3f} s")
    assert ledger.longest < LONGEST

    await trio.to_thread.run_sync(administration.release, genuine_url, "default")
    assert await trio.to_thread.run_sync(dumped, genuine_url) == before
