"""One namespace in Postgres: which call runs on what session, and what its errors mean."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from typing import TypeVar

import asyncpg
import msgspec
import trio

from actors import Deferred, OutcomeUnknown, Unavailable
from mdb.core.errors import AuthUnauthorized, BackendUnavailable, InvalidRequest
from mdb.core.messages import (
    AllQuery,
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
    Written,
)
from mdb.stores.base import POKES_WINDOW, Importer, Joining
from mdb.stores.migrations import MigrationError
from mdb.stores.postgres import (
    adopted_writes,
    exports,
    reads,
    registry,
    settled,
    staging,
    writes,
)
from mdb.stores.postgres.faults import Gone, Lost, may_be_gone, reading, writing
from mdb.stores.postgres.importer import importing
from mdb.stores.postgres.joining import join
from mdb.stores.postgres.migrate import SCRIPT_LIMIT, migrate_namespace
from mdb.stores.postgres.news import News
from mdb.stores.postgres.pool import Kind, Pool
from mdb.stores.postgres.proposals import Proposals
from mdb.stores.postgres.schemas import functions_schema
from mdb.stores.postgres.session import Session
from mdb.stores.postgres.settled import Settled
from mdb.stores.postgres.sql import NamespaceQueries

T = TypeVar("T")

# A commit has the actor's time limit and none of its own. Cancelled by that, it leaves behind which
# session was at it (`_attempt`), and the actor takes its outcome to be open.
COMMIT_LIMIT = math.inf

# Seconds that a commit waits, before it begins, for an import that this server moves in. What
# another server moves in is waited for in the database, within its lock timeout.
MOVE_PATIENCE = 20.0

# Seconds for one look at what became of a commit.
SETTLE_LIMIT = 15.0

# Seconds for one page, and for what counts a whole table.
READ_LIMIT = 30.0
COUNT_LIMIT = 300.0


class PostgresNamespace:
    """`NamespaceStore` for Postgres. It holds no session: each call borrows one from the pool."""

    # Others write into the schema, too, and transactions end in any order.
    ordered = False

    def __init__(self, record: NamespaceRecord, pool: Pool, news: News | None = None) -> None:
        """No I/O: the schema is looked at when it is first used.

        `news`: takes what is to be told to other servers, and what is to be looked at soon.
        """
        self.record = record
        self.settled = Settled(record.id)
        self._pool = pool
        self._news = news or News()
        self._looking = trio.Lock()
        self._begun = 0  # looks at the settled head
        self._looked = 0  # the last one of them that succeeded
        self._functions = functions_schema(record)
        self._queries = NamespaceQueries(record.location, self._functions)
        self._deferrals = adopted_writes.Deferrals()
        self._migrated = False
        self._migrating = trio.Lock()
        self._attempt = writes.Attempt()
        self._proposals = Proposals()
        self._moved: trio.Event | None = None

    # The write side. One task, the namespace's actor, calls these.

    async def open(self) -> None:
        """Ask the database something. See `NamespaceStore.open`."""
        try:
            with writing():
                await self._run("write", registry.schema_exists, self._functions)
        except AuthUnauthorized:
            return  # deleted: every write will be told so
        except BackendUnavailable as exc:
            raise Unavailable(exc.message) from exc

    async def commit(self, questions: Sequence[Append]) -> Sequence[Outcome | Deferred]:
        """Write a batch. See `NamespaceStore.commit`."""
        await self._wait_for_move()
        self._attempt = attempt = writes.Attempt()
        try:
            with writing():
                outcomes = await self._transact(self._commit, questions, COMMIT_LIMIT)
        except Unavailable as exc:
            self._proposals.forget()
            if attempt.sent and isinstance(exc.__cause__, Lost):
                raise OutcomeUnknown(f"the connection was lost: {exc.__cause__}") from exc
            raise
        except BaseException:
            self._proposals.forget()
            raise
        self._tell(outcomes)
        return outcomes

    def begin(self, questions: Sequence[Append]) -> Awaitable[Sequence[Outcome | Deferred]] | None:
        """Send the statement of a `commit` at once. See `NamespaceStore.begin`."""
        # All that `commit` may have to wait for before it has a session.
        if not self._migrated or self._moved is not None:
            return None
        return self._pool.begin("write", self.record.location, partial(self.commit, questions))

    async def _commit(
        self,
        session: Session,
        queries: NamespaceQueries,
        batch: Sequence[Append],
        attempt: writes.Attempt,
    ) -> Sequence[Outcome | Deferred]:
        if self.record.adopted:
            return await adopted_writes.commit(session, queries, batch, attempt, self._deferrals)
        return await writes.commit(session, queries, batch, attempt, self._proposals)

    async def settle(self, questions: Sequence[Append]) -> Sequence[Outcome | None]:
        """Find out what became of a batch. See `NamespaceStore.settle`."""
        await self._wait_for_move()
        with writing():
            found = await self._transact(writes.settle, questions, SETTLE_LIMIT)
        self._tell(found)
        return found

    def _tell(self, outcomes: Sequence[Outcome | Deferred | None]) -> None:
        if any(isinstance(outcome, Written) for outcome in outcomes):
            self._news.tell(self.record.location)

    async def _transact(
        self, function: Callable[..., Awaitable[T]], questions: Sequence[Append], limit: float
    ) -> T:
        try:
            return await self._run(
                "write", function, self._queries, questions, self._attempt, limit=limit
            )
        except BackendUnavailable as exc:
            raise Unavailable(exc.message) from exc

    async def _wait_for_move(self) -> None:
        if self._moved is None:
            return
        with trio.move_on_after(MOVE_PATIENCE):
            while self._moved is not None:
                await self._moved.wait()
            return
        raise Unavailable("an import is being moved in")

    async def release(self) -> None:
        """Do nothing: between two commits nothing is held."""

    async def close(self) -> None:
        """Do nothing: between two commits nothing is held."""

    # Imports. Any task, one import at a time.

    def begin_import(self) -> AbstractAsyncContextManager[Importer]:
        """Stage an import. See `NamespaceStore.begin_import`.

        Raises `InvalidRequest` for an adopted schema, whose other writers nothing would stop: they
        draw global positions of their own meanwhile.
        """
        if self.record.adopted:
            raise InvalidRequest("an adopted schema takes no import: its other writers may write")
        return importing(self._pool, self._queries, self._moving, self.migrate)

    @contextmanager
    def _moving(self) -> Iterator[None]:
        """Let this server's writes wait here, in order, and not for the database's lock."""
        self._moved = trio.Event()
        try:
            yield
        finally:
            self._moved.set()
            self._moved = None

    async def joining(self) -> Joining:
        """Return what writes inside a transaction of the caller's. See `NamespaceStore.joining`.

        Not for an adopted schema, where Message DB's own `write_message` does that.
        """
        if self.record.adopted:
            raise InvalidRequest(
                "the namespace's schema is adopted: call its write_message in the transaction"
            )
        with reading():
            await self.migrate()
        return partial(join, self.record, self._queries)

    # The read side. Any task, at any time.

    async def read(self, query: Query, limit: int) -> Page:
        """Read a page. See `NamespaceStore.read`."""
        if isinstance(query, AllQuery):
            upto = query.upto
            if upto is None or upto > self.settled.upto:
                await self.look()
                upto = self.settled.upto if upto is None else min(upto, self.settled.upto)
            query = msgspec.structs.replace(query, upto=upto)
        return await self._read(reads.read, query, limit)

    async def last(self, stream: str, message_type: str | None) -> bytes | None:
        """Return the last message. See `NamespaceStore.last`."""
        return await self._read(reads.last, stream, message_type)

    async def version(self, stream: str) -> int | None:
        """Return the stream's version. See `NamespaceStore.version`."""
        return await self._read(reads.version, stream)

    async def head(self) -> int:
        """Return the namespace's head. See `NamespaceStore.head`."""
        return await self._read(reads.head)

    async def settled_head(self) -> int:
        """Return the settled head. See `NamespaceStore.settled_head`."""
        await self.look()
        return self.settled.upto

    async def pokes(self, follow: Follow, after: int, limit: int) -> PokePage:
        """Read notices. See `NamespaceStore.pokes`."""
        looked = follow.kind == "stream" or after + POKES_WINDOW > self.settled.upto
        if looked:
            await self.look()
        page: PokePage = await self._read(reads.pokes, follow, after, limit, self.settled.upto)
        if looked or page.more:
            return page
        # A gap was wider than a window: it has come to a head that may be long out of date.
        return msgspec.structs.replace(page, more=True)

    async def look(self) -> None:
        """Find out how far the settled head is now. Raises what a read does.

        Of many that ask at the same time one looks.
        """
        asked = self._begun
        async with self._looking:
            if self._looked > asked:
                return  # a look that began after this was asked has come to its end
            self._begun += 1
            await self._read(settled.look, self.settled)
            self._looked = self._begun
        if self.settled.held is not None:
            self._news.look_soon(self.record.incarnation)

    def held_back(self, now: float) -> tuple[float, Sequence[int | None]]:
        """See `NamespaceStore.held_back`."""
        return self.settled.held_for(now), self.settled.held_by()

    def look_soon(self) -> None:
        """See `NamespaceStore.look_soon`."""
        self._news.look_soon(self.record.incarnation)

    async def export_page(
        self, selection: Selection, after: int, upto: int, limit: int
    ) -> ExportPage:
        """Read a page of an export. See `NamespaceStore.export_page`."""
        return await self._read(exports.export_page, selection, (after, upto), limit)

    async def import_source(self) -> str | None:
        """See `NamespaceStore.import_source`."""
        return await self._read(staging.import_source)

    async def message_count(self) -> int:
        """Count messages. See `NamespaceStore.message_count`."""
        return await self._read(reads.message_count, limit=COUNT_LIMIT)

    async def stats(self) -> NamespaceStats:
        """Count. See `NamespaceStore.stats`."""
        return await self._read(reads.stats, limit=COUNT_LIMIT)

    async def streams(self, prefix: str, after: str, limit: int) -> Sequence[StreamInfo]:
        """List streams. See `NamespaceStore.streams`."""
        return await self._read(reads.streams, prefix, after, limit)

    async def categories(self) -> Sequence[CategoryInfo]:
        """List categories. See `NamespaceStore.categories`."""
        return await self._read(reads.categories, limit=COUNT_LIMIT)

    async def _read(
        self, function: Callable[..., Awaitable[T]], *args: object, limit: float = READ_LIMIT
    ) -> T:
        with reading():
            try:
                return await self._run("read", function, self._queries, *args, limit=limit)
            except Lost:
                # An idle connection may have been dropped since it was last used (by a restart, a
                # firewall); nothing was changed, so a second one gets a try.
                return await self._run("read", function, self._queries, *args, limit=limit)

    async def _run(
        self,
        kind: Kind,
        function: Callable[..., Awaitable[T]],
        *args: object,
        limit: float = READ_LIMIT,
    ) -> T:
        await self.migrate()
        schema = self.record.location
        try:
            return await self._pool.run(kind, function, *args, schema=schema, limit=limit)
        except asyncpg.PostgresError as exc:
            if not may_be_gone(exc):
                raise
            fault = exc
        if await self._exists():
            raise fault
        raise Gone from fault

    async def _exists(self) -> bool:
        # Of an adopted one what served it is dropped when it is released.
        schema = self._functions
        return await self._pool.run(
            "read", registry.schema_exists, schema, schema=schema, limit=READ_LIMIT
        )

    # The schema

    async def migrate(self) -> int:
        """Bring the schema up to date, once; return how many migrations were applied.

        Raises `BackendUnavailable` where it does not fit this program, and what `Pool.run` does.
        """
        if self._migrated:
            return 0
        schema = self.record.location
        async with self._migrating:
            if self._migrated:
                return 0
            try:
                changed = await self._pool.run(
                    "write", migrate_namespace, self.record, schema=schema, limit=SCRIPT_LIMIT
                )
            except MigrationError as exc:
                raise BackendUnavailable(str(exc), retry_after=60) from exc
            self._migrated = True
            return changed
