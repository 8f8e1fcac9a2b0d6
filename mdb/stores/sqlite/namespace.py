"""One namespace in SQLite: its connections, and which worker runs what on them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Protocol, TypeVar

import apsw
import trio

from actors import OutcomeUnknown, Unavailable
from mdb.core.errors import InvalidRequest
from mdb.core.messages import (
    Append,
    CategoryInfo,
    ExportPage,
    Follow,
    NamespaceRecord,
    NamespaceStats,
    Outcome,
    Page,
    PokePage,
    Query,
    Selection,
    StreamInfo,
    StreamQuery,
)
from mdb.stores.base import Importer, Joining
from mdb.stores.known import Known
from mdb.stores.sqlite import exports, pages, reads, staging, writes
from mdb.stores.sqlite.connect import reading, writing
from mdb.stores.sqlite.durable import is_doubtful
from mdb.stores.sqlite.importer import Source, importing
from mdb.stores.sqlite.proposals import propose
from mdb.stores.sqlite.workers import Workers

T = TypeVar("T")

# Seconds that a commit waits for an import that is being moved in; below an actor's limit for a
# commit, so that it ends with "nothing was written" and not with an unknown outcome.
MOVE_PATIENCE = 20.0


# What a task writes to a database in memory by itself, at most: about a millisecond of work.
_SMALL_MESSAGES = 32
_SMALL_BYTES = 1 << 16


def _is_small(batch: Sequence[Append]) -> bool:
    messages = sum(len(append.messages) + len(append.expect) for append in batch)
    return messages <= _SMALL_MESSAGES and sum(append.size for append in batch) <= _SMALL_BYTES


class Connections(Source, Protocol):
    """Where a namespace's connections come from: a file's (many) or memory's (one, shared).

    All of it runs in a worker, but for `give_back`, and in memory for `reader`, which only returns
    the connection that is there.
    """

    def writer(self) -> apsw.Connection:
        """Open the write connection; migrate the schema first if this is its first use."""
        ...

    def doubt(self) -> None:
        """Take in that the outcome of a commit is open, before `writer` is called again."""

    def close_writer(self, db: apsw.Connection) -> None:
        """Close it."""

    def reader(self) -> apsw.Connection:
        """Take a connection to read with, opening one if none is idle."""
        ...

    def give_back(self, db: apsw.Connection) -> None:
        """Return it."""


class SqliteNamespace:
    """`NamespaceStore` for SQLite. Writes and reads use separate connections (but in memory).

    `turn` is a lock where there is one connection for everything, else None.
    """

    # One server owns the file, and one connection writes it.
    ordered = True

    # A worker thread commits, and wakes for that whatever the hour.
    begin = None

    def __init__(
        self,
        record: NamespaceRecord,
        connections: Connections,
        *,
        writers: Workers,
        readers: Workers,
        importers: Workers,
        turn: trio.Lock | None,
    ) -> None:
        """No I/O: the file is opened when it is first used."""
        self.record = record
        self._connections = connections
        self._writers = writers
        self._readers = readers
        self._importers = importers
        self._turn = turn
        self._writer: apsw.Connection | None = None
        self._moved: trio.Event | None = None
        self._committing = False
        self._committed: trio.Event | None = None  # while a move waits for that
        self._known = Known()

    @property
    def is_open(self) -> bool:
        """Whether the write connection is open."""
        return self._writer is not None

    # The write side. One task, the namespace's actor, calls these.

    async def open(self) -> None:
        """Open the write connection, anew if it was open. See `NamespaceStore.open`."""

        def reopen() -> None:
            # After a fault of the file nothing that a connection still remembers is trusted.
            self._close()
            self._open()

        self._known.forget()
        with writing():
            await self._exclusive(self._writers, reopen)

    def _open(self) -> None:
        if self._writer is None:
            self._writer = self._connections.writer()

    async def commit(self, questions: Sequence[Append]) -> Sequence[Outcome]:
        """Write a batch. See `NamespaceStore.commit`.

        In memory a small one is written by the caller itself, without a turn for others: they had
        theirs, or they would not have asked.
        """
        await self._wait_for_move()
        self._committing = True
        try:
            proposal = propose(self._known, questions)
            if self._is_free_here() and self._writer is not None and _is_small(questions):
                done = writes.commit(self._writer, questions, proposal)
            else:
                done = await self._write(partial(writes.commit, batch=questions, proposal=proposal))
            if done.draft is None:
                self._known.forget()
            else:
                self._known.learn(done.draft.head, done.draft.versions)
        except BaseException as exc:
            self._known.forget()
            if is_doubtful(exc):
                self._connections.doubt()
            raise
        finally:
            self._committing = False
            if self._committed is not None:
                self._committed.set()
        return done.outcomes

    async def settle(self, questions: Sequence[Append]) -> Sequence[Outcome | None]:
        """Find out what became of a batch. See `NamespaceStore.settle`."""
        await self._wait_for_move()
        return await self._write(partial(writes.settle, batch=questions))

    async def _write(self, function: Callable[[apsw.Connection], T]) -> T:
        def run() -> T:
            with writing():
                self._open()
            assert self._writer is not None
            return function(self._writer)

        # No interrupt: a commit that has begun ends, and its caller's limit is the actor's.
        return await self._exclusive(self._writers, run)

    async def _wait_for_move(self) -> None:
        if self._moved is None:
            return
        with trio.move_on_after(MOVE_PATIENCE):
            while self._moved is not None:
                await self._moved.wait()
            return
        raise Unavailable("an import is being moved in")

    async def release(self) -> None:
        """Keep the connection: an idle one costs a file handle, and the actor stops soon."""

    async def close(self) -> None:
        """Close the write connection. See `NamespaceStore.close`."""
        self._known.forget()
        await self._exclusive(self._writers, self._close)

    def _close(self) -> None:
        if self._writer is not None:
            db, self._writer = self._writer, None
            self._connections.close_writer(db)

    # Imports. Any task, one import at a time.

    def begin_import(self) -> AbstractAsyncContextManager[Importer]:
        """Stage an import. See `NamespaceStore.begin_import`."""
        run = partial(self._exclusive, self._importers)
        return importing(self._connections, run, self._moving)

    @asynccontextmanager
    async def _moving(self) -> AsyncGenerator[None]:
        """Let this namespace's writes wait here, in order, and not for the file's lock.

        The batch that is under way ends first: it may have been proposed its positions already, and
        no index would object to them below what is moved.
        """
        self._moved = trio.Event()
        try:
            while self._committing:
                self._committed = trio.Event()
                await self._committed.wait()
            yield
        except OutcomeUnknown as exc:
            if is_doubtful(exc):
                self._connections.doubt()
            raise
        finally:
            self._committed = None
            self._known.forget()
            self._moved.set()
            self._moved = None

    # The read side. Any task, at any time.

    async def read(self, query: Query, limit: int) -> Page:
        """Read a page. See `NamespaceStore.read`."""
        if pages.is_bounded(query, limit) and (db := await self._here()) is not None:
            with reading():
                page = pages.read_small(db, query, limit)
            if page is not None:
                return page
        return await self._read(lambda db: pages.read(db, query, limit))

    async def last(self, stream: str, message_type: str | None) -> bytes | None:
        """Return the last message. See `NamespaceStore.last`."""
        page = await self.read(StreamQuery(stream, backward=True, type=message_type), 1)
        return page.rows or None

    async def version(self, stream: str) -> int | None:
        """Return the stream's version. See `NamespaceStore.version`."""
        return await self._read_one(lambda db: reads.version(db, stream))

    async def head(self) -> int:
        """Return the namespace's head. See `NamespaceStore.head`."""
        return await self._read_one(reads.head)

    async def settled_head(self) -> int:
        """Return the head: nothing comes below it. See `NamespaceStore.settled_head`."""
        return await self.head()

    def held_back(self, now: float) -> tuple[float, Sequence[int | None]]:
        """Nobody does: nobody else writes. See `NamespaceStore.held_back`."""
        return 0.0, ()

    def look_soon(self) -> None:
        """Do nothing: nobody else writes. See `NamespaceStore.look_soon`."""

    async def pokes(self, follow: Follow, after: int, limit: int) -> PokePage:
        """Read notices. See `NamespaceStore.pokes`."""
        return await self._read(lambda db: reads.pokes(db, follow, after, limit))

    async def export_page(
        self, selection: Selection, after: int, upto: int, limit: int
    ) -> ExportPage:
        """Read a page of an export. See `NamespaceStore.export_page`."""
        return await self._read(lambda db: exports.export_page(db, selection, after, upto, limit))

    async def joining(self) -> Joining:
        """Refuse. See `NamespaceStore.joining`."""
        raise InvalidRequest(
            "writing inside a transaction of one's own needs Postgres: this database is SQLite"
        )

    async def import_source(self) -> str | None:
        """See `NamespaceStore.import_source`."""
        return await self._read(staging.import_source)

    async def message_count(self) -> int:
        """Count messages. See `NamespaceStore.message_count`."""
        return await self._read(reads.message_count)

    async def stats(self) -> NamespaceStats:
        """Count. See `NamespaceStore.stats`."""
        return await self._read(reads.stats)

    async def streams(self, prefix: str, after: str, limit: int) -> Sequence[StreamInfo]:
        """List streams. See `NamespaceStore.streams`."""
        return await self._read(lambda db: reads.streams(db, prefix, after, limit))

    async def categories(self) -> Sequence[CategoryInfo]:
        """List categories. See `NamespaceStore.categories`."""
        return await self._read(reads.categories)

    async def _here(self) -> apsw.Connection | None:
        """Return a connection for the caller itself to read with, before it awaits anything.

        For reads that take less time than to a worker and back, and never wait for a disk: there is
        none but where one connection is a database in memory, and nobody uses it now.
        """
        if self._turn is None:
            return None
        # However many reads a task makes, the others get their turns.
        await trio.lowlevel.checkpoint()
        return self._connections.reader() if self._is_free_here() else None

    def _is_free_here(self) -> bool:
        """Whether the database is in memory, and nobody uses its one connection now."""
        return self._turn is not None and not self._turn.locked() and self._moved is None

    async def _read_one(self, function: Callable[[apsw.Connection], T]) -> T:
        """Run a read that is one look-up in an index."""
        db = await self._here()
        if db is None:
            return await self._read(function)
        with reading():
            return function(db)

    async def _read(self, function: Callable[[apsw.Connection], T]) -> T:
        taken: list[apsw.Connection] = []
        done: list[apsw.Connection] = []

        def run() -> T:
            db = self._connections.reader()
            taken.append(db)
            try:
                return function(db)
            finally:
                done.append(db)

        def interrupt() -> None:
            for db in taken:
                db.interrupt()

        try:
            with reading():
                return await self._exclusive(self._readers, run, interrupt)
        finally:
            # A connection whose function never ended stays with it.
            for db in done:
                self._connections.give_back(db)

    @asynccontextmanager
    async def undisturbed(self) -> AsyncGenerator[None]:
        """Keep everybody off a connection that serves reads and writes alike, to close it."""
        async with self._turn or nullcontext():
            yield

    async def _exclusive(
        self, workers: Workers, run: Callable[[], T], interrupt: Callable[[], None] | None = None
    ) -> T:
        if self._turn is None:
            return await workers.run(run, interrupt)
        try:
            # A lock's own block would wait for a turn of the event loop though it is free.
            self._turn.acquire_nowait()
        except trio.WouldBlock:
            await self._turn.acquire()
        try:
            return await workers.run(run, interrupt)
        finally:
            self._turn.release()
