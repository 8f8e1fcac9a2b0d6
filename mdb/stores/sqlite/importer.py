"""`Importer` for SQLite: which worker runs what, and who waits for the move."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Protocol, TypeVar

import apsw
import trio

from actors import OutcomeUnknown
from mdb.core.errors import MdbError, WriteUncertain
from mdb.core.messages import Part, StoredMessage
from mdb.stores.sqlite import staging
from mdb.stores.sqlite.connect import reading

T = TypeVar("T")

log = logging.getLogger("mdb.stores.sqlite")

# Runs a function in a worker, with what interrupts it.
Run = Callable[[Callable[[], T], Callable[[], None] | None], Awaitable[T]]

# Seconds that removing what was staged may take.
CLEANUP_LIMIT = 30.0


class Source(Protocol):
    """Where the connection of an import comes from."""

    def importer(self) -> apsw.Connection:
        """Open a connection with an empty staging database attached."""
        ...

    def close_importer(self, db: apsw.Connection) -> None:
        """Close it, and remove what was staged."""


class SqliteImporter:
    """One import. Its calls are interrupted when they are cancelled, and then roll back."""

    def __init__(
        self,
        db: apsw.Connection,
        run: Run[None],
        moving: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        """`moving`: a block during which the namespace's own writes wait."""
        self._db = db
        self._run = run
        self._moving = moving

    async def stage(self, messages: Sequence[tuple[int, StoredMessage]]) -> None:
        """Stage messages. See `Importer.stage`."""
        await self._call(partial(staging.stage, self._db, messages))

    async def move(self, part: Part | None = None) -> None:
        """Move them in. See `Importer.move`."""
        try:
            async with self._moving():
                await self._call(partial(staging.move, self._db, part))
        except OutcomeUnknown as exc:
            raise WriteUncertain((), "the import failed while it was being made durable") from exc
        try:
            await self._call(partial(staging.checkpoint, self._db))
        except MdbError:
            log.warning("the WAL of an import could not be moved into its file", exc_info=True)

    async def _call(self, function: Callable[[], None]) -> None:
        with reading():
            await self._run(function, self._db.interrupt)


@asynccontextmanager
async def importing(
    source: Source, run: Run[None], moving: Callable[[], AbstractAsyncContextManager[None]]
) -> AsyncGenerator[SqliteImporter]:
    """Stage for as long as the block runs. See `NamespaceStore.begin_import`."""
    opened: list[apsw.Connection] = []

    def open_one() -> None:
        opened.append(source.importer())

    def close_all() -> None:
        for db in opened:
            source.close_importer(db)

    try:
        with reading():
            await run(open_one, None)
        yield SqliteImporter(opened[0], run, moving)
    finally:
        with trio.move_on_after(CLEANUP_LIMIT, shield=True), reading():
            await run(close_all, None)
