"""Where connections come from: a file gives many, memory is one connection.

Readers are kept when idle, a bounded number over all namespaces; the longest unused goes first.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from pathlib import Path

import apsw

from mdb.core.errors import BackendError
from mdb.stores.migrations import MigrationError
from mdb.stores.sqlite import staging
from mdb.stores.sqlite.connect import open_file, open_memory
from mdb.stores.sqlite.durable import has_log, rewrite, seal
from mdb.stores.sqlite.files import STAGING, remove
from mdb.stores.sqlite.migrate import migrate

log = logging.getLogger("mdb.stores.sqlite")


class IdleReaders:
    """Connections that nobody reads with at the moment, by file, least recently used first.

    Used from worker threads and from the event loop, so it has a lock; nothing is awaited or
    read from disk under it, but a close (no I/O of note on a reader).
    """

    def __init__(self, bound: int) -> None:
        """Keep at most `bound` connections."""
        self._bound = bound
        self._lock = threading.Lock()
        self._idle: OrderedDict[apsw.Connection, Path] = OrderedDict()
        self._by_path: dict[Path, list[apsw.Connection]] = {}

    def take(self, path: Path) -> apsw.Connection | None:
        """Take an idle connection of a file, if there is one."""
        with self._lock:
            waiting = self._by_path.get(path)
            if not waiting:
                return None
            db = waiting.pop()
            if not waiting:
                del self._by_path[path]
            del self._idle[db]
            return db

    def put(self, path: Path, db: apsw.Connection) -> None:
        """Give a connection back; the one that was idle longest may be closed for it."""
        with self._lock:
            self._idle[db] = path
            self._by_path.setdefault(path, []).append(db)
            if len(self._idle) > self._bound:
                self._drop(next(iter(self._idle)))

    def _drop(self, db: apsw.Connection) -> None:
        path = self._idle.pop(db)
        siblings = self._by_path[path]
        siblings.remove(db)
        if not siblings:
            del self._by_path[path]
        db.close()

    def retire(self, path: Path) -> None:
        """Close a file's idle connections."""
        with self._lock:
            for db in list(self._by_path.get(path, ())):
                self._drop(db)

    def close(self) -> None:
        """Close them all."""
        with self._lock:
            for db in list(self._idle):
                self._drop(db)

    def __len__(self) -> int:
        """Count the idle connections."""
        return len(self._idle)


class FileConnections:
    """A namespace's file. Its schema is brought up to date when it is first opened."""

    def __init__(self, path: Path, idle: IdleReaders) -> None:
        """No I/O."""
        self._path = path
        self._idle = idle
        self._migrated = False
        self._migrating = threading.Lock()
        self._retired = False
        self._closed_in_order: bool | None = None  # None: nobody looked yet
        self._doubtful = False

    def create(self) -> None:
        """Create the file with its schema, durably."""
        self._open(create=True).close()

    def migrate(self) -> int:
        """Bring the file's schema up to date; return how many migrations were applied."""
        db = open_file(self._path, create=False)
        try:
            applied = migrate(db, "namespace", self._path.name)
        finally:
            db.close()
        self._migrated = True
        return applied

    def writer(self) -> apsw.Connection:
        """Open the write connection; what it sees is on disk, and nothing else comes back."""
        if self._closed_in_order is None:
            self._closed_in_order = not has_log(self._path)
        db = self._open(create=False)
        doubtful, self._doubtful = self._doubtful, False
        try:
            if doubtful:
                rewrite(db)
            elif not self._closed_in_order:
                self._take_over(db)
        except BaseException:
            self._doubtful |= doubtful
            db.close()
            raise
        self._closed_in_order = True
        return db

    @staticmethod
    def _take_over(db: apsw.Connection) -> None:
        """Make sure of what a crash has left: nobody may have waited until it was on disk."""
        try:
            rewrite(db)
        except apsw.BusyError:  # a backup reads it, perhaps for long
            seal(db)

    def doubt(self) -> None:
        """Take in that a commit's outcome is open: the next writer makes sure of what stands."""
        self._doubtful = True

    def _open(self, *, create: bool) -> apsw.Connection:
        if not create and not self._path.exists():
            # An empty file in its place would hide the loss of a history.
            log.error("the namespace file %s is missing", self._path)
            raise BackendError("the namespace's file is missing")
        db = open_file(self._path, create=create)
        try:
            with self._migrating:
                if not self._migrated:
                    migrate(db, "namespace", self._path.name)
                    self._migrated = True
        except MigrationError as exc:
            db.close()
            # For the operator; a caller can do nothing about it.
            log.error("%s", exc)  # noqa: TRY400  (one line says it all)
            raise BackendError("the namespace's schema does not fit this server") from exc
        except BaseException:
            db.close()
            raise
        return db

    def close_writer(self, db: apsw.Connection) -> None:
        """Close the write connection, which moves the WAL into the file if it is the last."""
        db.close()

    def reader(self) -> apsw.Connection:
        """Take an idle connection, or open one."""
        return self._idle.take(self._path) or self._open(create=False)

    def give_back(self, db: apsw.Connection) -> None:
        """Keep a connection for the next read, unless the file is being deleted."""
        if self._retired:
            db.close()
        else:
            self._idle.put(self._path, db)

    def importer(self) -> apsw.Connection:
        """Open a connection with an empty staging database beside it."""
        staged = self._staging()
        remove(staged)
        db = self._open(create=False)
        try:
            staging.attach(db, staged)
        except BaseException:
            db.close()
            remove(staged)
            raise
        return db

    def _staging(self) -> Path:
        return self._path.with_name(self._path.name + STAGING)

    def close_importer(self, db: apsw.Connection) -> None:
        """Close it, and delete what was staged."""
        try:
            db.close()
        finally:
            remove(self._staging())

    def retire(self) -> None:
        """Close the connections of a file that is being deleted; those in use as they return."""
        self._retired = True
        self._idle.retire(self._path)


class MemoryConnections:
    """A namespace in memory: one connection is the database, and lives until `retire`."""

    def __init__(self) -> None:
        """Nothing is opened yet."""
        self._db: apsw.Connection | None = None

    def create(self) -> None:
        """Open the database."""
        self._db = open_memory()
        migrate(self._db, "namespace", "memory")

    def migrate(self) -> int:
        """Nothing to do: what is in memory was made by this program."""
        return 0

    def writer(self) -> apsw.Connection:
        """Return the one connection."""
        if self._db is None:
            raise BackendError("the namespace is gone")
        return self._db

    reader = writer

    def doubt(self) -> None:
        """Nothing to do: there is no disk that could fail."""

    def close_writer(self, db: apsw.Connection) -> None:
        """Keep it: it holds the messages."""

    def give_back(self, db: apsw.Connection) -> None:
        """Keep it."""

    def importer(self) -> apsw.Connection:
        """Attach an empty staging database to the one connection."""
        db = self.writer()
        staging.attach(db, None)
        return db

    def close_importer(self, db: apsw.Connection) -> None:
        """Drop what was staged, unless all of it is gone already."""
        if self._db is db:
            staging.detach(db)

    def retire(self) -> None:
        """Drop the database."""
        if self._db is not None:
            self._db.close()
            self._db = None
