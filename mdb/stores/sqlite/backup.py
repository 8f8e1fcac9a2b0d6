"""Copying a data directory while a server works in it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import apsw
import msgspec

from mdb.stores.base import OpenError
from mdb.stores.sqlite.files import METADATA_FILE, NAMESPACES, remove, sync_directory
from mdb.stores.sqlite.inspect import (
    counts,
    is_served,
    looking,
    metadata_path,
    namespace_path,
    served,
    snapshot,
)

# Pages copied between two moments at which an interrupt is noticed: some 20 ms of work.
_STEP = 1000


class BackupError(Exception):
    """The copy is not what it should be, or cannot be made. The message is one line."""


class Copied(msgspec.Struct, frozen=True):
    """A namespace in the copy."""

    namespace: str
    messages: int
    head: int
    bytes: int
    """Size of its file."""


def backup(directory: Path, destination: Path, copied: Callable[[Copied], None]) -> None:
    """Copy a data directory; the copy opens as one.

    Each namespace is copied as it stands at one moment, one after the other, with its tokens. All
    is checked (SQLite's integrity check, the count of messages and the head) and flushed to disk
    before the copy gets its name: failing or interrupted, nothing is left.

    Args:
        directory: The data directory; a server may own it, and is not held up.
        destination: Must not exist yet. Its parent directory must.
        copied: Told of each namespace that is done.

    Raises:
        OpenError: `directory` holds no database.
        BackupError: The destination exists or cannot be written, or the copy is not sound.
    """
    source = metadata_path(directory)
    if destination.exists() or destination.is_symlink():
        raise BackupError(f"{destination} exists already")
    try:
        parent = destination.absolute().parent
        # Beside it, so that giving it its name is one step.
        work = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", suffix=".partial", dir=parent))
    except OSError as exc:
        raise BackupError(f"{destination}: {exc.strerror}") from exc
    try:
        _copy_all(source, directory, work, copied)
        work.rename(destination)
        sync_directory(parent)
    except OSError as exc:
        raise BackupError(f"{destination}: {exc.strerror}") from exc
    except apsw.Error as exc:
        raise BackupError(f"{destination}: {exc}") from exc
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _copy_all(source: Path, directory: Path, work: Path, copied: Callable[[Copied], None]) -> None:
    # The registry first: what is created from here on is in neither, and what is deleted from
    # here on is taken out of the copy.
    _copy(source, work / METADATA_FILE)
    (work / NAMESPACES).mkdir(mode=0o700)
    with looking(work / METADATA_FILE) as db:
        known = served(db)
    gone = []
    for namespace, location in known:
        target = namespace_path(work, location)
        try:
            messages, head = _copy(namespace_path(directory, location), target, count=True)
        except (OpenError, apsw.CantOpenError, apsw.IOError) as exc:
            if is_served(source, location):
                raise BackupError(f"namespace {namespace}: {exc}") from exc
            remove(target)
            gone.append(location)
            continue
        except apsw.Error as exc:
            raise BackupError(f"namespace {namespace}: {exc}") from exc
        copied(Copied(namespace, messages, head, target.stat().st_size))
    if gone:
        _forget(work / METADATA_FILE, gone)
    sync_directory(work / NAMESPACES)
    sync_directory(work)


def _copy(source: Path, target: Path, *, count: bool = False) -> tuple[int, int]:
    """Copy a file as it stands at one moment; check the copy. Return its counts, if wanted."""
    with looking(source) as db, snapshot(db):
        expected = counts(db) if count else (0, 0)
        copy = apsw.Connection(str(target))
        try:
            # With the snapshot held, writers do not make it begin again.
            with copy.backup("main", db, "main") as job:
                while not job.done:
                    job.step(_STEP)
        finally:
            copy.close()
    with looking(target) as db:
        problems = [str(row[0]) for row in db.execute("PRAGMA integrity_check(1)")]
        if problems != ["ok"]:
            raise BackupError(f"{source.name}: the copy is damaged: {problems[0]}")
        if count and counts(db) != expected:
            raise BackupError(f"{source.name}: the copy holds other messages than the original")
    _sync(target)
    return expected


def _forget(metadata: Path, locations: list[str]) -> None:
    """Take namespaces out of the copy's registry."""
    db = apsw.Connection(str(metadata))
    try:
        db.execute("PRAGMA foreign_keys = ON")
        for location in locations:
            db.execute("DELETE FROM namespaces WHERE location = ?", (location,))
    finally:
        db.close()
    _sync(metadata)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
