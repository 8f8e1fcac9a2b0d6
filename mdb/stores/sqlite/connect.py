"""Opening a SQLite connection the way this project needs it, and saying what its errors mean."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import apsw

from actors import OutcomeUnknown, Unavailable
from mdb.core.errors import BackendError, BackendUnavailable, MdbError

# Written into every file's header, so that `file` and we can tell whose it is: "mdb" and 1.
APPLICATION_ID = 0x6D646201

# A bug that could corrupt a WAL database when it is reset was fixed here.
MINIMUM_VERSION = (3, 51, 3)

# Milliseconds to wait for a lock that another process (a backup, a shell) holds.
BUSY_TIMEOUT = 5000

# Pages that the WAL may grow to before a commit moves it into the database (4 KiB each).
AUTOCHECKPOINT = 1000

# Bytes that the WAL's file keeps once its content is in the database: a large import would leave
# a file of its own size for ever.
JOURNAL_SIZE_LIMIT = 64 << 20

_DISK = (apsw.FullError,)
_GONE = (apsw.CantOpenError, apsw.BusyError, apsw.LockedError, apsw.ReadOnlyError)


class NotOurFileError(Exception):
    """A file that should be this project's database is something else."""


def check_library() -> None:
    """Refuse a SQLite that is known to lose data."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < MINIMUM_VERSION:
        wanted = ".".join(map(str, MINIMUM_VERSION))
        raise NotOurFileError(f"SQLite {apsw.sqlite_lib_version()} is too old: {wanted} is needed")


def open_file(path: Path, *, create: bool) -> apsw.Connection:
    """Open a database file for reading and writing; raise `NotOurFileError` if it isn't ours."""
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    db = apsw.Connection(str(path), flags=flags)
    try:
        _configure(db, str(path))
        # Readers and the writer do not block each other; a commit is one append and one fsync.
        db.execute("PRAGMA journal_mode = WAL")
        # An answered write survives a power cut: WAL with NORMAL would lose the last commits.
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT}")
        db.execute(f"PRAGMA journal_size_limit = {JOURNAL_SIZE_LIMIT}")
    except BaseException:
        db.close()
        raise
    return db


def open_memory() -> apsw.Connection:
    """Open an empty database that lives as long as its connection."""
    db = apsw.Connection(":memory:")
    _configure(db, ":memory:")
    return db


def _configure(db: apsw.Connection, name: str) -> None:
    db.set_busy_timeout(BUSY_TIMEOUT)
    # The schema is ours, but the file may come from anywhere: no SQL in it may surprise us.
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
    # A misspelled column must be an error, not a string.
    db.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
    db.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
    # A plan may not depend on what is bound: else SQLite plans a statement whose limit is bound
    # anew each time, which costs more than most of these statements.
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    db.execute("PRAGMA foreign_keys = ON")
    try:
        found = db.pragma("application_id")
        if found == 0 and db.pragma("schema_version") == 0:
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        elif found != APPLICATION_ID:
            raise NotOurFileError(f"{name} is a database of another program")
    except apsw.NotADBError as exc:
        raise NotOurFileError(f"{name} is not a database") from exc


def _describe(exc: apsw.Error) -> MdbError:
    """Say what a driver's error means to a caller, without internals."""
    if isinstance(exc, _DISK):
        return BackendUnavailable("the database's disk is full", retry_after=5)
    if isinstance(exc, _GONE):
        return BackendUnavailable("the database cannot be reached", retry_after=1)
    if isinstance(exc, apsw.CorruptError | apsw.NotADBError):
        return BackendError("the database is damaged")
    return BackendError("the database failed")


@contextmanager
def reading() -> Generator[None]:
    """Translate the errors of a read, and of the registry."""
    try:
        yield
    except apsw.Error as exc:
        raise _describe(exc) from exc
    except (OSError, NotOurFileError) as exc:
        raise BackendUnavailable("the database cannot be opened", retry_after=5) from exc


@contextmanager
def writing() -> Generator[None]:
    """Translate the errors of an actor's open and commit, before `COMMIT` was reached."""
    try:
        yield
    except (*_DISK, *_GONE) as exc:
        raise Unavailable(_describe(exc).message) from exc
    except (OSError, NotOurFileError) as exc:
        raise Unavailable("the database cannot be opened") from exc
    except (apsw.IOError, apsw.CorruptError, apsw.NotADBError) as exc:
        raise Unavailable(_describe(exc).message) from exc
    except apsw.Error as exc:
        raise _describe(exc) from exc


def unknown(exc: apsw.Error) -> OutcomeUnknown:
    """Return the error of a commit that failed in its own last step.

    After a failed fsync the frames may be in the file all the same, and a crash may replay them.
    """
    error = OutcomeUnknown("the commit failed while it was being made durable")
    error.__cause__ = exc
    return error
