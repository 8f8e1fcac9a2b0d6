"""The registry in `metadata.db`: namespaces and tokens. Plain functions, run in a worker."""

from __future__ import annotations

import time
import uuid
from collections.abc import Generator
from contextlib import contextmanager

import apsw

from mdb.core.errors import NamespaceExists, NamespaceNotFound
from mdb.core.messages import NamespaceRecord
from mdb.stores.sqlite.files import file_name

_COLUMNS = "n.id, n.incarnation, n.location, n.created_at, n.description, n.metadata"


@contextmanager
def _transaction(db: apsw.Connection) -> Generator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _record(row: tuple[str, str, str, int, str | None, str | None]) -> NamespaceRecord:
    namespace, incarnation, location, created_at, description, metadata = row
    return NamespaceRecord(
        id=namespace,
        incarnation=incarnation,
        location=location,
        created_at=created_at,
        description=description,
        metadata=None if metadata is None else metadata.encode(),
    )


def begin_create(
    db: apsw.Connection,
    namespace: str,
    token_digest: bytes,
    description: str | None,
    metadata: bytes | None,
) -> NamespaceRecord:
    """Take the name; the namespace is not served before `finish_create`."""
    incarnation = str(uuid.uuid4())
    record = NamespaceRecord(
        id=namespace,
        incarnation=incarnation,
        location=file_name(namespace, incarnation),
        created_at=time.time_ns() // 1000,
        description=description,
        metadata=metadata,
    )
    try:
        with _transaction(db):
            db.execute(
                "INSERT INTO namespaces"
                " (incarnation, id, location, state, description, metadata, created_at)"
                " VALUES (?, ?, ?, 'creating', ?, ?, ?)",
                (
                    incarnation,
                    namespace,
                    record.location,
                    description,
                    None if metadata is None else metadata.decode(),
                    record.created_at,
                ),
            )
            _insert_token(db, incarnation, token_digest)
    except apsw.ConstraintError as exc:
        raise NamespaceExists(f"namespace {namespace} exists") from exc
    return record


def finish_create(db: apsw.Connection, record: NamespaceRecord) -> None:
    """Its file is ready: serve it."""
    db.execute("UPDATE namespaces SET state = 'ready' WHERE incarnation = ?", (record.incarnation,))


def begin_delete(db: apsw.Connection, record: NamespaceRecord) -> int:
    """Stop serving it: the name is free, its tokens are gone. Return the time."""
    now = time.time_ns() // 1000
    with _transaction(db):
        db.execute("DELETE FROM tokens WHERE incarnation = ?", (record.incarnation,))
        db.execute(
            "UPDATE namespaces SET state = 'deleted', deleted_at = ?"
            " WHERE incarnation = ? AND state <> 'deleted'",
            (now, record.incarnation),
        )
        if db.changes() == 0:
            raise NamespaceNotFound(f"namespace {record.id} not found")
    return now


def finish_delete(db: apsw.Connection, location: str) -> None:
    """Its file is gone: forget it."""
    with _transaction(db):
        db.execute(
            "DELETE FROM tokens WHERE incarnation IN"
            " (SELECT incarnation FROM namespaces WHERE location = ?)",
            (location,),
        )
        db.execute("DELETE FROM namespaces WHERE location = ?", (location,))


def unfinished(db: apsw.Connection) -> list[str]:
    """Return the locations whose creation or deletion was interrupted."""
    rows = db.execute("SELECT location FROM namespaces WHERE state <> 'ready'")
    return [location for (location,) in rows]


def find_namespace(db: apsw.Connection, namespace: str) -> NamespaceRecord | None:
    """Look a served namespace up by id."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM namespaces n WHERE n.id = ? AND n.state = 'ready'",  # noqa: S608
        (namespace,),
    ).fetchone()
    return None if row is None else _record(row)


def find_token(db: apsw.Connection, digest: bytes) -> tuple[bytes, NamespaceRecord] | None:
    """Look a token up by its digest; an expired one is not found."""
    row = db.execute(
        f"SELECT t.digest, {_COLUMNS} FROM tokens t"  # noqa: S608
        " JOIN namespaces n ON n.incarnation = t.incarnation AND n.state = 'ready'"
        " WHERE t.digest = ? AND (t.expires_at IS NULL OR t.expires_at > ?)",
        (digest, time.time_ns() // 1000),
    ).fetchone()
    return None if row is None else (row[0], _record(row[1:]))


def list_namespaces(db: apsw.Connection, limit: int, offset: int) -> list[NamespaceRecord]:
    """List served namespaces by id."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM namespaces n WHERE n.state = 'ready'"  # noqa: S608
        " ORDER BY n.id LIMIT ? OFFSET ?",
        (limit, offset),
    )
    return [_record(row) for row in rows]


def set_token(
    db: apsw.Connection, record: NamespaceRecord, digest: bytes, instead_of: bytes | None
) -> bool:
    """Replace a namespace's tokens by one. See `Store.set_token`."""
    with _transaction(db):
        served = db.execute(
            "SELECT 1 FROM namespaces WHERE incarnation = ? AND state = 'ready'",
            (record.incarnation,),
        ).fetchone()
        if served is None:
            raise NamespaceNotFound(f"namespace {record.id} not found")
        if instead_of is not None and not _has_token(db, record.incarnation, instead_of):
            return False
        db.execute("DELETE FROM tokens WHERE incarnation = ?", (record.incarnation,))
        _insert_token(db, record.incarnation, digest)
    return True


def _has_token(db: apsw.Connection, incarnation: str, digest: bytes) -> bool:
    found = db.execute(
        "SELECT 1 FROM tokens WHERE digest = ? AND incarnation = ?", (digest, incarnation)
    ).fetchone()
    return found is not None


def _insert_token(db: apsw.Connection, incarnation: str, digest: bytes) -> None:
    db.execute(
        "INSERT INTO tokens (digest, incarnation, created_at) VALUES (?, ?, ?)",
        (digest, incarnation, time.time_ns() // 1000),
    )
