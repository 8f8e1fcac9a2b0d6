"""Reading the messages of a Message DB, or of one of our own schemas, without changing anything.

For a program that reads and does nothing else meanwhile: its methods wait in place. Nothing is
asked of the database but the right to read one table, and no transaction stays open between two
pages, however long the whole takes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import asyncpg

from mdb.core.messages import StoredMessage
from mdb.stores.base import PAGE_BYTES, OpenError
from mdb.stores.postgres.connect import CONNECT_LIMIT, parse_url
from mdb.stores.postgres.exports import to_message
from mdb.stores.postgres.faults import one_line
from mdb.stores.postgres.session import Driver, Row, Value
from mdb.stores.postgres.sql import NamespaceQueries

T = TypeVar("T")

# Messages of one page.
PAGE_MESSAGES = 1000

# Seconds for one page, and for everything else that is asked.
STATEMENT_LIMIT = 120.0

# Seconds between two looks whether writers have ended.
LOOK_AGAIN = 0.1

# What a table of messages is recognised by.
COLUMNS = {
    "global_position": "bigint",
    "position": "bigint",
    "time": "timestamp without time zone",
    "stream_name": "text",
    "type": "text",
    "data": "jsonb",
    "metadata": "jsonb",
    "id": "uuid",
}

# Before 1.0, and in tables that were altered by hand.
_ALSO = {"character varying": "text"}


class MessageSource:
    """A table of messages to read from. Get one from `reading_from`.

    Every method raises `OpenError`, with one line that says what is wrong.
    """

    def __init__(self, runner: asyncio.Runner, connection: Driver, schema: str) -> None:
        """Made by `reading_from`."""
        self._runner = runner
        self._connection = connection
        self._schema = schema
        self._queries = NamespaceQueries(schema)

    def check(self) -> None:
        """Make sure that there is what is going to be read."""
        rows = self._fetch("source_columns", self._schema)
        if not rows:
            raise OpenError(f"the database holds no table {self._schema}.messages")
        found = {name: _ALSO.get(kind, kind) for name, kind in rows}
        for name, kind in COLUMNS.items():
            if found.get(name) != kind:
                raise OpenError(
                    f"{self._schema}.messages is not Message DB's: its column {name} should be "
                    f"{kind}, and is {found.get(name, 'not there')}"
                )

    def settled_head(self, patience: float) -> int:
        """Return a global position at or below which nothing will appear any more.

        That is the highest one, once all have ended who may still commit below it; that is waited
        for, at most `patience` seconds.
        """
        head: int = self._value("source_head")
        # An insert takes the table's lock before it draws its position, and keeps it to its end.
        waited_for = self._holders()
        until = time.monotonic() + patience
        while waited_for:
            if time.monotonic() > until:
                who = ", ".join(str(pid or "a prepared transaction") for pid in waited_for.values())
                raise OpenError(
                    f"sessions of the source have written and not ended for {patience:.0f} s "
                    f"(process {who}): end them, and try again"
                )
            time.sleep(LOOK_AGAIN)
            now = self._holders()
            waited_for = {name: pid for name, pid in waited_for.items() if name in now}
        return head

    def _holders(self) -> dict[str, int | None]:
        return {row["holder"]: row["pid"] for row in self._fetch("holders")}

    def id_at(self, position: int) -> bytes | None:
        """Return the id of the message at a global position, None where there is none."""
        found = self._value("source_message", position)
        return None if found is None else bytes(found.bytes)

    def page(self, after: int, upto: int) -> Sequence[StoredMessage]:
        """Read the next messages above `after`, up to `upto`; empty at the end.

        As many as `PAGE_MESSAGES`, or as make `PAGE_BYTES`.
        """
        rows = self._fetch("source_page", after, upto, PAGE_MESSAGES, PAGE_BYTES)
        return [to_message(row) for row in rows]

    def _value(self, query: str, *args: object) -> Value:
        rows = self._fetch(query, *args)
        return rows[0][0] if rows else None

    def _fetch(self, query: str, *args: object) -> list[Row]:
        async def fetch() -> list[Row]:
            async with self._connection.transaction(readonly=True):
                rows: list[Row] = await self._connection.fetch(self._queries[query], *args)
            return rows

        return _run(self._runner, fetch)


@contextmanager
def reading_from(dsn: str, schema: str) -> Generator[MessageSource]:
    """Connect to a database, to read the messages of one schema until the block ends.

    `dsn`: `postgresql://user@host:5432/name`, with the options that `--db-url` takes. Not in a
    program that has an event loop running. Raises `OpenError`.
    """
    address = parse_url(dsn)

    async def connect() -> Driver:
        return await asyncpg.connect(
            address.dsn,
            timeout=CONNECT_LIMIT,
            command_timeout=STATEMENT_LIMIT,
            statement_cache_size=0 if address.pooler else 20,
            server_settings={"application_name": "mdb import"},
            # On a standby nobody can be seen who may still commit below the head.
            target_session_attrs="primary",
        )

    # A plain loop: the default one is trio's guest wherever trio_asyncio was imported.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        connection = _run(runner, connect)
        try:
            source = MessageSource(runner, connection, schema)
            source.check()
            yield source
        finally:
            connection.terminate()


def _run(runner: asyncio.Runner, function: Callable[[], Awaitable[T]]) -> T:
    async def main() -> T:
        return await function()

    try:
        return runner.run(main())
    except (
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        OSError,
        ValueError,
        OverflowError,
    ) as exc:
        cause = exc.__cause__
        if isinstance(cause, asyncpg.TargetServerAttributeNotMatched):
            raise OpenError(
                "the source: it is a standby, where it cannot be told which positions are final: "
                "name the primary"
            ) from exc
        raise OpenError(f"the source: {one_line(exc)}") from exc
