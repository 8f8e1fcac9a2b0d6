"""Message DB called directly: asyncpg, prepared statements, a connection for each caller.

A worker process, see `bench.workers`. What it does is named by `what`: `write` calls
`write_message`, `read` calls `get_stream_messages` and makes its rows into the JSON that the server
answers with.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from bench.bodies import DATA, STREAMS, TYPE
from bench.workers import serve_one

WRITE = "select write_message($1::varchar, $2::varchar, $3::varchar, $4::jsonb, null, null)"
READ = "select * from get_stream_messages($1::varchar, 0, 100)"


# Calls of a connection that are not counted: from the sixth on Postgres keeps a function's plans.
WARM_UP = 6


async def _warm_up(caller: Callable[[], Awaitable[object]]) -> None:
    for _ in range(WARM_UP):
        await caller()


class Direct:
    """So many connections, each in a loop of its own."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.loop = asyncio.new_event_loop()
        self.seconds = spec["seconds"]
        self.numbers = itertools.count(spec.get("first", 0))
        self.category = spec.get("category", "account")
        self.callers = self.loop.run_until_complete(self._connect(spec))

    async def _connect(self, spec: dict[str, Any]) -> list[Callable[[], Awaitable[object]]]:
        make = {"write": self._writer, "read": self._reader}[spec["what"]]
        callers = []
        for _ in range(spec["connections"]):
            connection = await asyncpg.connect(
                spec["url"], timeout=30, server_settings={"search_path": "message_store,public"}
            )
            callers.append(await make(connection))
        await asyncio.gather(*(_warm_up(caller) for caller in callers))
        return callers

    async def _writer(self, connection: Any) -> Callable[[], Awaitable[object]]:
        statement = await connection.prepare(WRITE)
        data = json.dumps(DATA)

        async def write() -> object:
            stream = f"{self.category}-{next(self.numbers) % STREAMS}"
            return await statement.fetchval(str(uuid.uuid4()), stream, TYPE, data)

        return write

    async def _reader(self, connection: Any) -> Callable[[], Awaitable[object]]:
        statement = await connection.prepare(READ)

        async def read() -> object:
            rows = await statement.fetch(f"{self.category}-{next(self.numbers) % STREAMS}")
            return json.dumps(
                [
                    [
                        row["id"],
                        row["type"],
                        row["position"],
                        row["global_position"],
                        json.loads(row["data"]),
                        None if row["metadata"] is None else json.loads(row["metadata"]),
                        row["time"].isoformat(timespec="milliseconds") + "Z",
                    ]
                    for row in rows
                ]
            ).encode()

        return read

    def run(self) -> tuple[float, list[float]]:
        """Call until the time is up; what returns after that does not count."""
        return self.loop.run_until_complete(self._run())

    async def _run(self) -> tuple[float, list[float]]:
        latencies: list[float] = []
        clock = time.perf_counter
        begun = clock()
        until = begun + self.seconds

        async def repeat(caller: Callable[[], Awaitable[object]]) -> None:
            now = clock()
            while now < until:
                called = now
                await caller()
                now = clock()
                if now < until:
                    latencies.append(now - called)

        await asyncio.gather(*(repeat(caller) for caller in self.callers))
        return self.seconds, latencies


if __name__ == "__main__":
    serve_one(Direct)
