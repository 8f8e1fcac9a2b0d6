"""The SQLite store: a data directory, or memory."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import apsw
import trio

from mdb.core.errors import BackendUnavailable, NamespaceNotFound
from mdb.core.messages import NamespaceRecord
from mdb.stores.base import OpenError, StoreStatistics, Watched
from mdb.stores.migrations import MigrationError
from mdb.stores.sqlite import files, registry
from mdb.stores.sqlite.connect import (
    NotOurFileError,
    check_library,
    open_file,
    open_memory,
    reading,
)
from mdb.stores.sqlite.connections import FileConnections, IdleReaders, MemoryConnections
from mdb.stores.sqlite.migrate import migrate
from mdb.stores.sqlite.namespace import SqliteNamespace
from mdb.stores.sqlite.workers import Workers

T = TypeVar("T")

log = logging.getLogger("mdb.stores.sqlite")

# Threads. A commit spends its time in fsync, a page in SQLite: four of each keep two to eight
# cores and a disk busy, and a slow read never takes a writer's place.
WRITERS = 4
READERS = 4
IMPORTERS = 2

# Idle read connections kept over all namespaces: three file handles and some 100 KiB each.
IDLE_READERS = 64

# What the lists of a full `ns.list` page go through at a time when namespaces are migrated.
_PAGE = 1000


class SqliteStore:
    """`Store` for SQLite. Get one from `open_store`."""

    backend: Literal["sqlite", "postgres"] = "sqlite"

    def __init__(self, directory: Path | None, metadata: apsw.Connection) -> None:
        """No I/O. `directory` None: everything in memory."""
        self._directory = directory
        self._metadata = metadata
        self._turn = trio.Lock()
        self._writers = Workers(WRITERS)
        self._readers = Workers(READERS) if directory is not None else self._writers
        # Imports take no writer's place: a move lasts for seconds.
        self._importers = Workers(IMPORTERS) if directory is not None else self._writers
        self._idle = IdleReaders(IDLE_READERS)
        self._connections: dict[str, FileConnections | MemoryConnections] = {}
        self._namespaces: dict[str, SqliteNamespace] = {}

    async def ping(self) -> int:
        """Ask the registry; return how many connections are open. See `Store.ping`."""
        await self._registry(lambda db: db.execute("SELECT count(*) FROM schema_migrations"))
        return self.statistics().connections

    def statistics(self) -> StoreStatistics:
        """See `Store.statistics`."""
        written = sum(1 for n in self._namespaces.values() if n.is_open)
        return StoreStatistics(1 + written + len(self._idle))

    def namespace(self, record: NamespaceRecord) -> SqliteNamespace:
        """Return the namespace's store. See `Store.namespace`."""
        known = self._namespaces.get(record.incarnation)
        if known is None:
            memory = self._directory is None
            known = self._namespaces[record.incarnation] = SqliteNamespace(
                record,
                self._connections_of(record),
                writers=self._writers,
                readers=self._readers,
                importers=self._importers,
                turn=trio.Lock() if memory else None,
            )
        return known

    def _connections_of(self, record: NamespaceRecord) -> FileConnections | MemoryConnections:
        known = self._connections.get(record.incarnation)
        if known is None:
            if self._directory is None:
                known = MemoryConnections()
            else:
                known = FileConnections(self._path(record.location), self._idle)
            self._connections[record.incarnation] = known
        return known

    def _path(self, location: str) -> Path:
        assert self._directory is not None
        return self._directory / files.NAMESPACES / location

    def forget(self, record: NamespaceRecord) -> None:
        """Do nothing: nobody else deletes. See `Store.forget`."""

    async def create_namespace(
        self,
        namespace: str,
        *,
        token_digest: bytes,
        description: str | None = None,
        metadata: bytes | None = None,
    ) -> NamespaceRecord:
        """Create a namespace. See `Store.create_namespace`.

        Cancelled in the middle, it leaves what the next start sweeps away.
        """

        def create(db: apsw.Connection) -> NamespaceRecord:
            record = registry.begin_create(db, namespace, token_digest, description, metadata)
            try:
                self._connections_of(record).create()
                if self._directory is not None:
                    files.sync_directory(self._directory / files.NAMESPACES)
            except BaseException:
                self._forget(db, record)
                raise
            registry.finish_create(db, record)
            return record

        return await self._registry(create)

    async def delete_namespace(self, record: NamespaceRecord) -> tuple[int, int]:
        """Delete a namespace. See `Store.delete_namespace`. Its actor must have stopped."""
        # What is gone has no file to count in.
        found = await self.find_namespace(record.id)
        if found is None or found.incarnation != record.incarnation:
            raise NamespaceNotFound(f"namespace {record.id} not found")
        lost = await self._registry(lambda _db: self._is_lost(record))
        count = 0 if lost else await self.namespace(record).message_count()

        def delete(db: apsw.Connection) -> int:
            deleted_at = registry.begin_delete(db, record)
            self._forget(db, record)
            return deleted_at

        async with self.namespace(record).undisturbed():
            return await self._registry(delete), count

    def _is_lost(self, record: NamespaceRecord) -> bool:
        """Whether a namespace has lost its file: its name is all that is left."""
        if self._directory is None:
            return False
        path = self._path(record.location)
        return path.parent.exists() and not path.exists()

    def _forget(self, db: apsw.Connection, record: NamespaceRecord) -> None:
        """Drop a namespace's connections and file, then its row in the registry."""
        connections = self._connections_of(record)
        connections.retire()
        self._connections.pop(record.incarnation, None)
        self._namespaces.pop(record.incarnation, None)
        if self._directory is not None:
            files.remove(self._path(record.location))
        registry.finish_delete(db, record.location)

    async def find_namespace(self, namespace: str) -> NamespaceRecord | None:
        """See `Store.find_namespace`."""
        return await self._registry(partial(registry.find_namespace, namespace=namespace))

    async def find_token(self, digest: bytes) -> tuple[bytes, NamespaceRecord] | None:
        """See `Store.find_token`."""
        return await self._registry(partial(registry.find_token, digest=digest))

    async def list_namespaces(self, limit: int, offset: int) -> Sequence[NamespaceRecord]:
        """See `Store.list_namespaces`."""
        return await self._registry(partial(registry.list_namespaces, limit=limit, offset=offset))

    async def set_token(
        self, record: NamespaceRecord, digest: bytes, *, instead_of: bytes | None = None
    ) -> bool:
        """See `Store.set_token`."""
        return await self._registry(
            partial(registry.set_token, record=record, digest=digest, instead_of=instead_of)
        )

    async def migrate_namespaces(self) -> int:
        """See `Store.migrate_namespaces`. Raises `OpenError` naming the first that does not fit."""
        changed, offset = 0, 0
        while page := await self.list_namespaces(_PAGE, offset):
            for record in page:
                step = self._connections_of(record).migrate
                try:
                    changed += bool(await self._writers.run(step, None))
                except (MigrationError, NotOurFileError, apsw.Error) as exc:
                    raise OpenError(f"namespace {record.id}: {exc}") from exc
            offset += len(page)
        return changed

    async def _registry(self, function: Callable[[apsw.Connection], T]) -> T:
        # Shielded: the registry's calls are short, and creation and deletion must not stop
        # half-way while the process lives. The limit is the driver's own (BUSY_TIMEOUT).
        async with self._turn:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 30), reading():
                return await self._writers.run(lambda: function(self._metadata), None)
        raise BackendUnavailable("the registry did not answer in time")

    async def watch(self, watched: Watched) -> None:
        """Do nothing: one server owns the directory. See `Store.watch`."""

    async def sweep(self) -> None:
        """Finish the creations and deletions, and undo the imports, that a crash interrupted."""

        def sweep(db: apsw.Connection) -> None:
            for path in [] if self._directory is None else files.leftover_imports(self._directory):
                log.warning("sweeping what is left of an import, %s", path.name)
                files.remove(path)
            for location in registry.unfinished(db):
                log.warning("sweeping what is left of namespace file %s", location)
                if self._directory is not None:
                    files.remove(self._path(location))
                registry.finish_delete(db, location)

        await self._registry(sweep)

    async def aclose(self) -> None:
        """Close every connection and end the threads. Bounded; the actors must have stopped."""

        def close() -> None:
            self._idle.close()
            for connections in self._connections.values():
                if isinstance(connections, MemoryConnections):
                    connections.retire()
            self._metadata.close()

        with trio.move_on_after(10, shield=True):
            for namespace in self._namespaces.values():
                await namespace.close()
            await self._writers.run(close, None)
        await self._writers.aclose()
        if self._readers is not self._writers:
            await self._readers.aclose()
            await self._importers.aclose()


@asynccontextmanager
async def open_store(directory: Path | None) -> AsyncGenerator[SqliteStore]:
    """Open a data directory (created if need be), or, with None, a store in memory.

    The registry's schema is brought up to date; the namespaces' when they are first used.
    Raises `OpenError` with one line for the operator. One server at a time owns a directory.
    """
    with ExitStack() as stack:
        try:
            check_library()
            if directory is None:
                metadata = open_memory()
            else:
                stack.enter_context(files.owned(directory))
                files.check_registry(directory)
                metadata = open_file(directory / files.METADATA_FILE, create=True)
            migrate(metadata, "metadata", str(directory or "memory"))
        except (MigrationError, NotOurFileError) as exc:
            raise OpenError(str(exc)) from exc
        except (apsw.Error, OSError) as exc:
            raise OpenError(f"data directory {directory}: {exc}") from exc
        store = SqliteStore(directory, metadata)
        try:
            await store.sweep()
            yield store
        finally:
            await store.aclose()
