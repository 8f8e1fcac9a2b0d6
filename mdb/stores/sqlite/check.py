"""Looking through a data directory for what must not be, while a server may work in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

import apsw

from mdb.core.hash64 import cardinal_hash
from mdb.core.ids import format_uuid
from mdb.core.names import category
from mdb.stores.base import OpenError
from mdb.stores.faults import LISTED, Fault, NamespaceChecked
from mdb.stores.migrations import MigrationError, Scope, available, pending
from mdb.stores.queries import load
from mdb.stores.sqlite.connect import open_memory
from mdb.stores.sqlite.inspect import (
    counts,
    is_served,
    looking,
    metadata_path,
    namespace_path,
    served,
    snapshot,
)
from mdb.stores.sqlite.migrate import applied, migrate

_SQL = load("mdb.stores.sqlite")

# Streams whose hash is remembered while a file is looked through.
_CACHE = 100_000


def check(directory: Path) -> Iterator[Fault | NamespaceChecked]:
    """Look through the registry and every namespace, each as it stands at one moment.

    Yields the registry's faults, then each namespace that was looked through. Raises `OpenError`
    where the directory holds no database.
    """
    metadata = metadata_path(directory)
    namespaces = []
    try:
        with looking(metadata) as db, snapshot(db):
            yield from (Fault(None, problem) for problem in _registry(db))
            namespaces = list(served(db))
    except apsw.Error as exc:
        yield Fault(None, _damaged(metadata, exc))
    for namespace, location in namespaces:
        path = namespace_path(directory, location)
        try:
            with looking(path) as db, snapshot(db):
                yield _namespace(db, namespace)
        except (OpenError, apsw.Error) as exc:
            # It may have been deleted in the meantime.
            if is_served(metadata, location):
                problem = str(exc) if isinstance(exc, OpenError) else _damaged(path, exc)
                yield NamespaceChecked(namespace, 0, 0, 0, (Fault(namespace, problem),))


def _damaged(path: Path, exc: apsw.Error) -> str:
    return f"{path}: {exc}"


def _registry(db: apsw.Connection) -> Iterator[str]:
    yield from _integrity(db)
    yield from _schema(db, "metadata")
    for row in db.execute("PRAGMA foreign_key_check"):
        yield f"table {row[0]}: row {row[1]} refers to what is not there"


def _namespace(db: apsw.Connection, namespace: str) -> NamespaceChecked:
    problems = [*_integrity(db), *_schema(db, "namespace")]
    messages, head = counts(db)
    streams = db.execute(_SQL["check_streams"]).get
    problems += _rows(db)
    faults = tuple(Fault(namespace, problem) for problem in problems)
    return NamespaceChecked(namespace, messages, streams, head, faults)


def _integrity(db: apsw.Connection) -> Iterator[str]:
    """SQLite's own check: pages, order, indexes that agree with their tables, constraints."""
    for (line,) in db.execute(f"PRAGMA integrity_check({LISTED})"):
        if line != "ok":
            yield f"SQLite: {line}"


def _schema(db: apsw.Connection, scope: Scope) -> Iterator[str]:
    """Whether tables and indexes are those of the migrations that were applied."""
    shipped = available("sqlite", scope)
    try:
        if pending(shipped, applied(db), "the schema"):
            return  # an older one, which is brought up to date when it is used
    except MigrationError as exc:
        yield str(exc)
        return
    reference = open_memory()
    try:
        migrate(reference, scope, "memory")
        expected, found = _objects(reference), _objects(db)
    finally:
        reference.close()
    for name, (kind, sql) in expected.items():
        if name not in found:
            yield f"the {kind} {name} is missing"
        elif found[name] != (kind, sql):
            yield f"the {kind} {name} is not the one of the migrations"


def _objects(db: apsw.Connection) -> dict[str, tuple[str, str]]:
    rows = db.execute("SELECT name, type, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {name: (kind, " ".join(sql.split())) for name, kind, sql in rows}


def _rows(db: apsw.Connection) -> Iterator[str]:
    """Every rule that one row, or a stream's rows together, must keep."""
    _register(db)
    for name, describe in _RULES:
        found = (describe(row) for row in db.execute(_SQL[name]))
        yield from islice(found, LISTED)
        more = next(found, None)
        if more is not None:
            yield f"and more of the same kind: {more}"


def _register(db: apsw.Connection) -> None:
    """Give this connection the functions by which stored columns are judged."""

    @lru_cache(_CACHE)
    def hashed(stream: apsw.SQLiteValue) -> int | None:
        return cardinal_hash(str(stream))

    db.create_scalar_function("mdb_hash", hashed, 1, deterministic=True)
    db.create_scalar_function("mdb_correlation", _correlation, 1, deterministic=True)


def _correlation(*arguments: apsw.SQLiteValue) -> str | None:
    """Return the category of `correlationStreamName`, where the metadata has one that is a text."""
    (metadata,) = arguments
    if not isinstance(metadata, str) or "correlationStreamName" not in metadata:
        return None
    try:
        found = json.loads(metadata)
    except ValueError:
        return None  # a fault of its own
    name = found.get("correlationStreamName") if isinstance(found, dict) else None
    return category(name) if isinstance(name, str) else None


_Describe = Callable[[tuple[object, ...]], str]

# Query -> how a row that it finds is told.
_RULES: tuple[tuple[str, _Describe], ...] = (
    (
        "check_gaps",
        lambda r: f"stream {r[0]}: {r[3]} messages with positions from {r[1]} to {r[2]}",
    ),
    ("check_positions", lambda r: f"stream {r[0]}: position {r[1]} stands {r[2]} times"),
    (
        "check_order",
        lambda r: (
            f"stream {r[0]}: position {r[1]} (global position {r[2]}) stands after one "
            f"with global position {r[3]}"
        ),
    ),
    ("check_ids", lambda r: f"message id {_uuid(r[0])} stands {r[1]} times"),
    (
        "check_hashes",
        lambda r: f"global position {r[0]}, stream {r[1]}: hash {r[2]}, which should be {r[3]}",
    ),
    (
        "check_correlations",
        lambda r: f"global position {r[0]}: correlation {r[1]}, which should be {r[2]}",
    ),
    ("check_json", lambda r: f"global position {r[0]}: {r[1]} is not the JSON that it should be"),
)


def _uuid(raw: object) -> str:
    return format_uuid(raw) if isinstance(raw, bytes) and len(raw) == 16 else repr(raw)
