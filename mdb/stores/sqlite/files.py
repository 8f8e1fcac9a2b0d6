"""The data directory: who owns it, and what its files are called."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from mdb.stores.base import OpenError

METADATA_FILE = "metadata.db"
LOCK_FILE = "mdb.lock"
NAMESPACES = "namespaces"

# Appended to the name of a namespace's file: what an import has staged for it.
STAGING = ".import"

# SQLite's own companions of a database file in WAL mode.
_COMPANIONS = ("", "-wal", "-shm", "-journal")


def file_name(namespace: str, incarnation: str) -> str:
    """Name a namespace's file: a readable hint, and the incarnation, which alone tells it apart.

    Lower case only, so that two names never meet on a file system that folds case.
    """
    hint = re.sub(r"[^a-z0-9]+", "_", namespace.lower())[:40].strip("_")
    return f"{hint}-{incarnation}.db" if hint else f"{incarnation}.db"


@contextmanager
def owned(directory: Path) -> Generator[None]:
    """Create the data directory if need be, and own it until the block ends.

    Raises `OpenError` where another server owns it or it can't be written. The lock is the
    kernel's and goes with the process, however that ends.
    """
    try:
        _make(directory / NAMESPACES)
        lock = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise OpenError(f"data directory {directory}: {exc.strerror}") from exc
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            owner = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
            raise OpenError(
                f"data directory {directory} is in use by another server (process {owner})"
            ) from exc
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        except OSError as exc:
            raise OpenError(f"data directory {directory}: {exc.strerror}") from exc
        yield
    finally:
        os.close(lock)


def check_registry(directory: Path) -> None:
    """Refuse namespaces without the registry that names them: a new one would hide their loss.

    Raises `OpenError`. The registry is there before the first namespace, so no crash leaves it so.
    """
    metadata = directory / METADATA_FILE
    if metadata.exists() and metadata.stat().st_size:
        return
    found = sum(1 for _ in (directory / NAMESPACES).glob("*.db"))
    if found:
        raise OpenError(
            f"data directory {directory}: {METADATA_FILE} is missing or empty, and there are files "
            f"of namespaces ({found}): bring it back from where they came from. Nothing was touched"
        )


def _make(directory: Path) -> None:
    """Make a directory, and all above it, where they are not there yet; durably."""
    new = [each for each in (directory, *directory.parents) if not each.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for each in new:
        with suppress(PermissionError):  # one may be allowed to write in there, and not to look
            sync_directory(each.parent)


def remove(path: Path) -> None:
    """Delete a database file and its companions; those that are not there are no error."""
    for companion in _COMPANIONS:
        path.with_name(path.name + companion).unlink(missing_ok=True)


def leftover_imports(directory: Path) -> list[Path]:
    """List what imports that a crash interrupted have left in a data directory."""
    return sorted((directory / NAMESPACES).glob(f"*{STAGING}"))


def sync_directory(directory: Path) -> None:
    """Make the directory's entries durable: a new file's name survives a power cut."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
