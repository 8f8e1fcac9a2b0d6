"""The write side: one batch, one transaction, an outcome for each of its writes.

Plain functions that run in a worker. A group is decided first (ids, versions) and written only
once it has won, so that there is nothing to undo inside the batch and no savepoint is needed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TypeAlias

import apsw
import msgspec

from mdb.core.hash64 import cardinal_hash
from mdb.core.jsonrules import equal
from mdb.core.messages import Append, Closed, IdConflict, NewMessage, Outcome, Written
from mdb.core.versions import first_conflict
from mdb.stores.queries import load
from mdb.stores.sqlite.connect import unknown, writing

_SQL = load("mdb.stores.sqlite")
_BY_ID = _SQL["message_by_id"]
_VERSIONS = _SQL["stream_versions"]

# Most rows of one INSERT. Each statement lets go of the interpreter's lock and has to get it back
# from a busy event loop, which costs more than many rows: as few statements as can be.
_MOST_ROWS = 128
_COLUMNS = _SQL["insert_message"].count("?")
_ROW = f"({', '.join('?' * _COLUMNS)})"

# A statement for each power of two, so that few are prepared; the rows that it has too many of are
# given nothing.
_INSERTS = {1: _SQL["insert_message"]} | {
    count: _SQL["insert_messages"].replace(_ROW, ", ".join([_ROW] * count))
    for count in (2, 4, 8, 16, 32, 64, _MOST_ROWS)
}

_encode_names = msgspec.json.Encoder().encode
_decode_versions = msgspec.json.Decoder(list[int]).decode

# What `message_by_id` returns: stream, type, position, global position, data, metadata.
_Stored: TypeAlias = tuple[str, str, int, int, str, str | None]

# What `insert_message` takes, in the order of its columns.
_Row: TypeAlias = tuple[int, bytes, str, str, int, str, str | None, int, int | None, str | None]


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


def _decide_and_write(db: apsw.Connection, batch: Sequence[Append]) -> list[Outcome]:
    try:
        return _Batch(db).decide_and_write(batch)
    except apsw.ConstraintError as exc:
        trigger = getattr(exc, "extendedresult", 0) == apsw.SQLITE_CONSTRAINT_TRIGGER
        if not trigger or not db.execute(_SQL["import_closed"]).get:
            raise
        # Ours, which is there while an import in parts is under way. It refuses the first row:
        # nothing of the batch was written.
        return [Closed() for _ in batch]


def settle(db: apsw.Connection, batch: Sequence[Append]) -> list[Outcome | None]:
    """Tell what stands of a batch whose commit broke: its messages are found by their ids."""
    with writing():
        # A write lock: a commit of ours that is still under way is over once it is had.
        db.execute("BEGIN IMMEDIATE")
        try:
            lookup = _Batch(db)
            found = [lookup.stored(append.messages) for append in batch]
            # What stands was written by this very batch: it is news to subscribers.
            return [
                Written(outcome.positions) if isinstance(outcome, Written) else outcome
                for outcome in found
            ]
        finally:
            db.execute("ROLLBACK")


class _Batch:
    """The state of one batch: what it has read, and the rows it will insert.

    The versions of all its streams are read together at the start, and the rows inserted
    together at the end. A group sees what the groups before it decided by `_versions`, and by
    `_unwritten` for ids.
    """

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._now = time.time_ns() // 1000
        self._head: int = 0
        self._versions: dict[str, int] = {}
        self._rows: list[_Row] = []
        self._unwritten: set[bytes] = set()

    def decide_and_write(self, batch: Sequence[Append]) -> list[Outcome]:
        self._read_state(batch)
        outcomes = [self._decide(append) for append in batch]
        self._flush()
        return outcomes

    def _read_state(self, batch: Iterable[Append]) -> None:
        streams = list(
            {
                **{message.stream: None for append in batch for message in append.messages},
                **{stream: None for append in batch for stream, _ in append.expect},
            }
        )
        self._head, found = self._db.execute(_VERSIONS, (_encode_names(streams).decode(),)).get
        self._versions = dict(zip(streams, _decode_versions(found), strict=True))

    def _decide(self, append: Append) -> Outcome:
        return (
            self._known(append)
            or (append.expect and first_conflict(append.expect, self._versions.__getitem__))
            or self._take(append.messages)
        )

    def _known(self, append: Append) -> Outcome | None:
        """Judge the ids that the caller gave: None where none of them is stored."""
        for message in append.messages:
            if message.own_id and self._by_id(message.id):
                return self.stored(append.messages) or IdConflict(message.id)
        return None

    def _by_id(self, message_id: bytes) -> _Stored | None:
        if message_id in self._unwritten:
            self._flush()
        return self._db.execute(_BY_ID, (message_id,)).fetchone()

    def stored(self, messages: Sequence[NewMessage]) -> Written | IdConflict | None:
        """Return the positions of messages that are all stored as they are here.

        None where the first is not stored at all; a conflict where they differ or some are
        missing.
        """
        positions: list[tuple[int, int]] = []
        for message in messages:
            row = self._by_id(message.id)
            if row is None and not positions:
                return None
            if row is None or not _same(message, row):
                return IdConflict(message.id if row is not None else messages[0].id)
            positions.append((row[2], row[3]))
        return Written(tuple(positions), repeated=True)

    def _take(self, messages: Sequence[NewMessage]) -> Written:
        """Give the messages their positions; they have won."""
        after = head = self._head
        versions, now = self._versions, self._now
        positions = []
        for message in messages:
            stream = message.stream
            position = versions[stream] = versions[stream] + 1
            head += 1
            positions.append((position, head))
            self._unwritten.add(message.id)
            self._rows.append(
                (
                    head,
                    message.id,
                    stream,
                    message.type,
                    position,
                    message.data.decode(),
                    None if message.metadata is None else message.metadata.decode(),
                    now,
                    cardinal_hash(stream),
                    message.correlation,
                )
            )
        self._head = head
        return Written(tuple(positions), after=after)

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        self._unwritten.clear()
        for begin in range(0, len(rows), _MOST_ROWS):
            some = rows[begin : begin + _MOST_ROWS]
            room = 1 << (len(some) - 1).bit_length()
            values: list[object] = list(chain.from_iterable(some))
            values += [None] * (_COLUMNS * (room - len(some)))
            self._db.execute(_INSERTS[room], values)


def _same(message: NewMessage, row: _Stored) -> bool:
    stream, message_type, _position, _global_position, data, metadata = row
    if (stream, message_type) != (message.stream, message.type):
        return False
    if (metadata is None) != (message.metadata is None):
        return False
    if metadata is not None and not equal(metadata.encode(), message.metadata or b""):
        return False
    return equal(data.encode(), message.data)
