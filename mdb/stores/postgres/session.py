"""One session with the server: a connection, what was prepared on it, and who it is."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, TypeAlias

import msgspec
from asyncpg.protocol import NO_TIMEOUT

from mdb.stores.postgres.wire import Wire

# What the driver gives, which is untyped: a connection, a statement, a row, a value.
Driver: TypeAlias = Any
Row: TypeAlias = Any
Value: TypeAlias = Any

# Statements kept prepared on a connection: some twenty for each of the namespaces it serves.
MAX_STATEMENTS = 512

# Namespaces that a connection serves before it is replaced by a new one. The server keeps the plans
# and the catalogue entries of each in that session's memory for as long as it lives: about 1 MiB a
# namespace (Postgres 18), so a pool of 20 takes 1 GiB at most.
MAX_SCHEMAS = 50


class SessionId(msgspec.Struct, frozen=True):
    """Which session of the server it is: pids are used again, with another start time."""

    pid: int
    started: Any


class Session:
    """A connection of the pool. Used by one call at a time, on the asyncio side.

    `wire`: its socket, where that is read by the task that runs the call; None where the guest loop
    reads it. Its statements have no time limit of their own, which would take a timer of the loop's
    each: every call across the bridge has one.
    """

    def __init__(self, raw: Driver, session_id: SessionId | None) -> None:
        """`session_id` None: behind a pooler, where the session changes with each transaction."""
        self.raw = raw
        self.id = session_id
        self.schemas: set[str] = set()
        self.closing: asyncio.Task[None] | None = None
        self.begun = False
        self.wire: Wire | None = None
        self._statements: OrderedDict[str, Any] = OrderedDict()

    @property
    def pooled(self) -> bool:
        """Whether a transaction pooler may stand between: no state outlives a transaction."""
        return self.id is None

    @property
    def is_closed(self) -> bool:
        """Whether the connection is known to be gone."""
        return bool(self.raw.is_closed())

    def take_over(self) -> None:
        """Have its answers read by whoever runs a call on it, from now on, where that can be."""
        self.wire = Wire.over(self.raw._transport)

    def give_back(self) -> None:
        """Have its answers read by the guest loop again: for what asyncio's tasks do with it."""
        if self.wire is not None:
            self.wire.give_back()
            self.wire = None

    def is_there(self) -> bool:
        """Look, while it is idle, whether it can be used: at the socket, if nobody reads that."""
        return not self.is_closed and (self.wire is None or self.wire.is_sound())

    @property
    def worn(self) -> bool:
        """Whether it has served so many namespaces that a new connection is better."""
        return len(self.schemas) > MAX_SCHEMAS

    async def statement(self, sql: str) -> Driver:
        """Return a prepared statement. Nothing of it has been executed yet."""
        if self.pooled:
            return await self.raw.prepare(sql)
        known = self._statements.get(sql)
        if known is not None:
            self._statements.move_to_end(sql)
            return known
        prepared = await self.raw.prepare(sql)
        self._statements[sql] = prepared
        if len(self._statements) > MAX_STATEMENTS:
            self._statements.popitem(last=False)  # the driver closes it when it is let go
        return prepared

    async def fetch(self, sql: str, *args: object) -> list[Row]:
        """Run a query; return its rows."""
        rows: list[Row] = await (await self.statement(sql)).fetch(*args, timeout=NO_TIMEOUT)
        return rows

    async def row(self, sql: str, *args: object) -> Row:
        """Run a query; return its first row, or None."""
        return await (await self.statement(sql)).fetchrow(*args, timeout=NO_TIMEOUT)

    async def value(self, sql: str, *args: object) -> Value:
        """Run a query; return the first value of its first row, or None."""
        return await (await self.statement(sql)).fetchval(*args, timeout=NO_TIMEOUT)

    def terminate(self) -> None:
        """Drop the connection at once, without a word to the server."""
        self.raw.terminate()

    async def close(self, limit: float) -> None:
        """Close the connection, within `limit` seconds; it is gone afterwards in any case."""
        self.give_back()
        try:
            async with asyncio.timeout(limit):
                await self.raw.close()
        except Exception:  # noqa: S110  (gone or not answering: there is nobody to tell)
            pass
        finally:
            if not self.is_closed:
                self.raw.terminate()
