"""The write side: one batch, one transaction, an outcome for each of its writes.

Plain functions that run in a worker. A group is decided first (ids, versions) and written only
once it has won, so that there is nothing to undo inside the batch and no savepoint is needed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import apsw

from mdb.core.hash64 import cardinal_hash
from mdb.core.jsonrules import equal
from mdb.core.messages import Append, IdConflict, NewMessage, Outcome, VersionConflict, Written
from mdb.stores.queries import load
from mdb.stores.sqlite.connect import unknown, writing

_SQL = load("mdb.stores.sqlite")
_BY_ID = _SQL["message_by_id"]
_VERSION = _SQL["stream_version"]
_INSERT = _SQL["insert_message"]
_HEAD = _SQL["head"]


def commit(db: apsw.Connection, batch: Sequence[Append]) -> list[Outcome]:
    """Decide and write a batch in one transaction; durable when it returns.

    Raises `actors.Unavailable`, `actors.OutcomeUnknown`, or `BackendError`, after which nothing
    of the batch was written.
    """
    try:
        with writing():
            db.execute("BEGIN IMMEDIATE")
            outcomes = _decide_and_write(db, batch)
        try:
            db.execute("COMMIT")
        except apsw.IOError as exc:
            raise unknown(exc) from exc
        except apsw.Error:
            with writing():
                raise
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return outcomes


def settle(db: apsw.Connection, batch: Sequence[Append]) -> list[Outcome | None]:
    """Tell what stands of a batch whose commit broke: its messages are found by their ids."""
    with writing():
        # A write lock: a commit of ours that is still under way is over once it is had.
        db.execute("BEGIN IMMEDIATE")
        try:
            found = [_stored(db, append.messages) for append in batch]
            # What stands was written by this very batch: it is news to subscribers.
            return [
                Written(outcome.positions) if isinstance(outcome, Written) else outcome
                for outcome in found
            ]
        finally:
            db.execute("ROLLBACK")


def _decide_and_write(db: apsw.Connection, batch: Sequence[Append]) -> list[Outcome]:
    now = time.time_ns() // 1000
    head: int = db.execute(_HEAD).get
    versions: dict[str, int] = {}
    outcomes: list[Outcome] = []
    for append in batch:
        refused = _known(db, append) or _conflict(db, append, versions)
        if refused is not None:
            outcomes.append(refused)
            continue
        outcomes.append(_write(db, append.messages, versions, head, now))
        head += len(append.messages)
    return outcomes


def _version(db: apsw.Connection, stream: str, versions: dict[str, int]) -> int:
    version = versions.get(stream)
    if version is None:
        row = db.execute(_VERSION, (stream,)).fetchone()
        version = versions[stream] = -1 if row is None else row[0]
    return version


def _known(db: apsw.Connection, append: Append) -> Outcome | None:
    """Judge the ids that the caller gave: None where none of them is stored."""
    given = [m for m in append.messages if m.own_id]
    if not given:
        return None
    stored = next((m for m in given if db.execute(_BY_ID, (m.id,)).fetchone()), None)
    if stored is None:
        return None
    return _stored(db, append.messages) or IdConflict(stored.id)


def _stored(db: apsw.Connection, messages: Sequence[NewMessage]) -> Written | IdConflict | None:
    """Return the positions of messages that are all stored as they are here.

    None where the first is not stored at all; a conflict where they differ or some are missing.
    """
    positions: list[tuple[int, int]] = []
    for message in messages:
        row = db.execute(_BY_ID, (message.id,)).fetchone()
        if row is None and not positions:
            return None
        if row is None or not _same(message, row):
            return IdConflict(message.id if row is not None else messages[0].id)
        positions.append((row[2], row[3]))
    return Written(tuple(positions), repeated=True)


def _same(message: NewMessage, row: tuple[str, str, int, int, str, str | None]) -> bool:
    stream, message_type, _position, _global_position, data, metadata = row
    if (stream, message_type) != (message.stream, message.type):
        return False
    if (metadata is None) != (message.metadata is None):
        return False
    if metadata is not None and not equal(metadata.encode(), message.metadata or b""):
        return False
    return equal(data.encode(), message.data)


def _conflict(
    db: apsw.Connection, append: Append, versions: dict[str, int]
) -> VersionConflict | None:
    for stream, expected in append.expect:
        actual = _version(db, stream, versions)
        if actual != expected:
            return VersionConflict(stream, expected, actual)
    return None


def _write(
    db: apsw.Connection,
    messages: Sequence[NewMessage],
    versions: dict[str, int],
    head: int,
    now: int,
) -> Written:
    after = head
    positions = []
    rows = []
    for message in messages:
        head += 1
        position = _version(db, message.stream, versions) + 1
        versions[message.stream] = position
        positions.append((position, head))
        rows.append(
            (
                head,
                message.id,
                message.stream,
                message.type,
                position,
                message.data.decode(),
                None if message.metadata is None else message.metadata.decode(),
                now,
                cardinal_hash(message.stream),
                message.correlation,
            )
        )
    db.executemany(_INSERT, rows)
    return Written(tuple(positions), after=after)
