"""Applying migrations to a SQLite database, each start that needs it, under SQLite's own lock."""

from __future__ import annotations

import time

import apsw

from mdb.stores.migrations import Applied, Migration, Scope, available, pending

_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
  version INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  checksum TEXT NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT
"""


def migrate(db: apsw.Connection, scope: Scope, where: str) -> int:
    """Bring a database up to date; return how many migrations were applied.

    Runs in a worker. All that is pending is one transaction: a crash in the middle leaves the
    schema as it was. Raises `MigrationError` (see `migrations.pending`).
    """
    shipped = available("sqlite", scope)
    if not pending(shipped, applied(db), where):
        return 0
    # The write lock: of two servers that start at once the second waits, then finds it done.
    db.execute("BEGIN IMMEDIATE")
    try:
        todo = pending(shipped, applied(db), where)
        db.execute(_TABLE)
        for migration in todo:
            _apply(db, migration)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return len(todo)


def applied(db: apsw.Connection) -> list[Applied]:
    """Return the migrations that a database holds."""
    if not db.pragma("table_info", "schema_migrations"):
        return []
    rows = db.execute("SELECT version, name, checksum FROM schema_migrations")
    return [Applied(*row) for row in rows]


def _apply(db: apsw.Connection, migration: Migration) -> None:
    for _name, text in migration.scripts:
        db.execute(text)
    db.execute(
        "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (?, ?, ?, ?)",
        (migration.version, migration.name, migration.checksum, time.time_ns() // 1000),
    )
