"""An import on its way in: staged in a database of its own, then moved in one transaction.

Plain functions that run in a worker, on a connection to the namespace to which the staging
database is attached. Staging takes no lock of the namespace. It need not survive a crash: nothing
of it is ever synced.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import apsw

from mdb.core import ids
from mdb.core.errors import BackendError, MdbError, MessageIdConflict
from mdb.core.hash64 import cardinal_hash
from mdb.core.messages import Part, StoredMessage
from mdb.stores.continuity import Run, check_part, closed, misplaced, runs, too_low
from mdb.stores.queries import load
from mdb.stores.sqlite.connect import unknown

_SQL = load("mdb.stores.sqlite")

# KiB of pages that a move may hold: a default cache would write the index pages of random ids
# into the WAL again and again.
_CACHE = 64 * 1024


def attach(db: apsw.Connection, path: Path | None) -> None:
    """Attach an empty staging database; None: one in memory."""
    if path is not None:
        path.touch(0o600, exist_ok=False)  # the connection itself creates no files
    db.execute("ATTACH ? AS staging", (":memory:" if path is None else str(path),))
    # Not OFF: a chunk that breaks off in the middle must leave the ones before it whole.
    db.execute("PRAGMA staging.journal_mode = MEMORY")
    db.execute("PRAGMA staging.synchronous = OFF")
    if path is not None:
        db.execute(f"PRAGMA main.cache_size = -{_CACHE}")
        # Moving the WAL into the file is not done in the commit, while writers wait.
        db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute(_SQL["staging_schema"])


def detach(db: apsw.Connection) -> None:
    """Let go of the staging database; one in memory is gone then."""
    if db.in_transaction:
        db.execute("ROLLBACK")
    db.execute("DETACH staging")


def stage(db: apsw.Connection, messages: Sequence[tuple[int, StoredMessage]]) -> None:
    """Add messages. See `Importer.stage`."""
    found = runs(messages)
    rows = [
        (
            m.global_position,
            line,
            m.id,
            m.stream,
            m.type,
            m.position,
            m.data.decode(),
            None if m.metadata is None else m.metadata.decode(),
            m.time,
            cardinal_hash(m.stream),
            m.correlation,
        )
        for line, m in messages
    ]
    with db:
        _check_continuity(db, found)
        db.executemany(_SQL["staging_stream"], [(r.stream, r.first, r.last, r.line) for r in found])
        db.executemany(_SQL["staging_insert"], rows)


def _check_continuity(db: apsw.Connection, found: Sequence[Run]) -> None:
    for run in found:
        row = db.execute(_SQL["staging_last"], (run.stream,)).fetchone()
        if row is not None and run.first != row[0] + 1:
            raise misplaced(run.line, run.stream, run.first, row[0])


def import_source(db: apsw.Connection) -> str | None:
    """Return where the import comes from that keeps the namespace closed, None for none."""
    if not db.execute(_SQL["import_closed"]).get:
        return None
    source: str = db.execute(_SQL["import_source"]).get
    return source


def move(db: apsw.Connection, part: Part | None) -> None:
    """Move everything into the namespace. See `Importer.move`.

    Raises `actors.OutcomeUnknown` where the commit itself failed.
    """
    try:
        # The write lock first: what is read from here on stays as it is.
        db.execute("BEGIN IMMEDIATE")
        source = import_source(db)
        _check_part(db, part, source)
        _check_place(db)
        if source is not None:
            db.execute(_SQL["import_open"])
        db.execute(_SQL["staging_move"])
        if part is not None and not part.last:
            db.execute(_SQL["import_close"])
            db.execute(_SQL["import_mark"], (part.source,))
        try:
            db.execute("COMMIT")
        except apsw.IOError as exc:
            raise unknown(exc) from exc
    except apsw.ConstraintError as exc:
        db.execute("ROLLBACK")
        raise _explanation(db) from exc
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _check_part(db: apsw.Connection, part: Part | None, source: str | None) -> None:
    if part is not None:
        check_part(part, *(db.execute(_SQL["import_end_of"]).fetchone() or (0, None)))
    elif source is not None:
        raise closed(source)


def _check_place(db: apsw.Connection) -> None:
    first = db.execute(_SQL["staging_first"]).fetchone()
    head: int = db.execute(_SQL["head"]).get
    if first is not None and first[0] <= head:
        raise too_low(first[1], first[0], head)
    row = db.execute(_SQL["staging_misplaced"]).fetchone()
    if row is not None:
        raise misplaced(*row)


def _explanation(db: apsw.Connection) -> MdbError:
    """Find the line that the namespace's unique indexes refused. Nothing is locked any more."""
    row = db.execute(_SQL["staging_known_id"]).fetchone()
    if row is None:
        return BackendError("the database refused the import")
    line, message_id = row
    text = ids.format_uuid(message_id)
    return MessageIdConflict(
        f"message id {text} is stored already", details={"id": text, "line": line}
    )


def checkpoint(db: apsw.Connection) -> None:
    """Move the WAL into the file, as far as no reader needs it; writers go on meanwhile."""
    db.execute("PRAGMA main.wal_checkpoint(PASSIVE)")
