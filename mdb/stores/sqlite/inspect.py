"""Opening the files of a data directory beside a server that owns it, to look and to copy.

Nothing is written but what SQLite itself needs to read a file in WAL mode, and the server's lock
is left alone: SQLite's own keep readers and the writer apart.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from mdb.stores.base import OpenError
from mdb.stores.sqlite.connect import APPLICATION_ID, BUSY_TIMEOUT, check_library
from mdb.stores.sqlite.files import METADATA_FILE, NAMESPACES

# Steps of SQLite's machine between two moments at which an interrupt is noticed: a few ms.
_STEPS = 100_000


@contextmanager
def looking(path: Path) -> Generator[apsw.Connection]:
    """Open a file to read it. Raises `OpenError`, `apsw.Error`.

    All that is read in a block of `snapshot` is from one moment.
    """
    try:
        check_library()
    except Exception as exc:
        raise OpenError(str(exc)) from exc
    if not path.is_file():
        raise OpenError(f"{path}: there is no such file")
    # Opened for writing, since the reader of a WAL has to take part in keeping its index; a file
    # that may not be written is opened for reading by SQLite itself.
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.set_busy_timeout(BUSY_TIMEOUT)
        db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        db.execute("PRAGMA query_only = ON")
        # Going through Python now and then lets Ctrl-C end a query that takes minutes.
        db.set_progress_handler(lambda: False, _STEPS)
        if db.pragma("application_id") != APPLICATION_ID:
            raise OpenError(f"{path} is a database of another program")
        yield db
    finally:
        db.close()


@contextmanager
def snapshot(db: apsw.Connection) -> Generator[None]:
    """Read from one moment until the block ends. Writers are not held up."""
    db.execute("BEGIN")
    try:
        db.execute("SELECT count(*) FROM sqlite_schema").get  # noqa: B018  (takes the snapshot)
        yield
    finally:
        db.execute("ROLLBACK")


def metadata_path(directory: Path) -> Path:
    """Return the registry's file. Raises `OpenError` where the directory holds no database."""
    path = directory / METADATA_FILE
    if not path.is_file():
        raise OpenError(f"{directory}: there is no database in it (no {METADATA_FILE})")
    return path


def namespace_path(directory: Path, location: str) -> Path:
    """Return a namespace's file, as the registry calls it."""
    return directory / NAMESPACES / location


def served(db: apsw.Connection) -> Sequence[tuple[str, str]]:
    """Return id and location of the namespaces in a registry."""
    rows = db.execute("SELECT id, location FROM namespaces WHERE state = 'ready' ORDER BY id")
    return [(namespace, location) for namespace, location in rows]


def is_served(path: Path, location: str) -> bool:
    """Ask the registry's file whether it still has a namespace at this location."""
    with looking(path) as db:
        row = db.execute(
            "SELECT 1 FROM namespaces WHERE location = ? AND state = 'ready'", (location,)
        ).fetchone()
    return row is not None


def counts(db: apsw.Connection) -> tuple[int, int]:
    """Return how many messages a namespace's file holds, and the head."""
    count: int = db.execute("SELECT count(*) FROM messages").get
    head: int = db.execute("SELECT coalesce(max(global_position), 0) FROM messages").get
    return count, head
