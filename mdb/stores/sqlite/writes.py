"""The write side: one batch, one transaction, an outcome for each of its writes.

Plain functions that run in a worker. A group is decided first (ids, versions) and written only
once it has won, so that there is nothing to undo inside the batch and no savepoint is needed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

import apsw
import msgspec

from mdb.core.jsonrules import equal
from mdb.core.messages import Append, Closed, IdConflict, NewMessage, Outcome, Written
from mdb.core.versions import first_conflict
from mdb.stores.queries import load
from mdb.stores.sqlite.connect import unknown, writing
from mdb.stores.sqlite.drafts import MOST_ROWS, Draft, insertion
from mdb.stores.sqlite.proposals import Proposal

_SQL = load("mdb.stores.sqlite")
_BY_ID = _SQL["message_by_id"]
_VERSIONS = _SQL["stream_versions"]

_encode_names = msgspec.json.Encoder().encode
_decode_versions = msgspec.json.Decoder(list[int]).decode

# What `message_by_id` returns: stream, type, position, global position, data, metadata.
_Stored: TypeAlias = tuple[str, str, int, int, str, str | None]


class Committed(NamedTuple):
    """A batch that stands.

    `draft`: the state that it left, in full for the batch's streams; None where that is not known.
    """

    outcomes: Sequence[Outcome]
    draft: Draft | None


def commit(
    db: apsw.Connection, batch: Sequence[Append], proposal: Proposal | None = None
) -> Committed:
    """Decide and write a batch in one transaction; durable when it returns.

    A `proposal` for the batch is written as it is if the database lets it, which decides otherwise.

    Raises `actors.Unavailable`, `actors.OutcomeUnknown`, or `BackendError`, after which nothing
    of the batch was written.
    """
    try:
        if proposal is not None and _stands(db, proposal):
            return Committed(proposal.outcomes, proposal.draft)
        with writing():
            db.execute("BEGIN IMMEDIATE")
            committed = _decide_and_write(db, batch)
        with _making_durable():
            db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return committed


@contextmanager
def _making_durable() -> Generator[None]:
    try:
        yield
    except apsw.IOError as exc:
        raise unknown(exc) from exc
    except apsw.Error:
        with writing():
            raise


def _stands(db: apsw.Connection, proposal: Proposal) -> bool:
    """Write a proposal in a transaction of its own; False, and nothing is written, if it is wrong.

    It is wrong where an id is stored already, or somebody else wrote to the file.
    """
    with _making_durable():
        try:
            db.execute(proposal.statement, proposal.values)
        except apsw.ConstraintError:
            return False
    return True


def _decide_and_write(db: apsw.Connection, batch: Sequence[Append]) -> Committed:
    lookup = _Batch(db)
    try:
        return Committed(lookup.decide_and_write(batch), lookup.draft)
    except apsw.ConstraintError as exc:
        trigger = getattr(exc, "extendedresult", 0) == apsw.SQLITE_CONSTRAINT_TRIGGER
        if not trigger or not db.execute(_SQL["import_closed"]).get:
            raise
        # Ours, which is there while an import in parts is under way. It refuses the first row:
        # nothing of the batch was written.
        return Committed([Closed() for _ in batch], None)


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
    together at the end. A group sees what the groups before it decided by the draft's versions, and
    by `_unwritten` for ids.
    """

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._unwritten: set[bytes] = set()
        self.draft = Draft(0, {})

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
        head, found = self._db.execute(_VERSIONS, (_encode_names(streams).decode(),)).get
        self.draft = Draft(head, dict(zip(streams, _decode_versions(found), strict=True)))

    def _decide(self, append: Append) -> Outcome:
        return (
            self._known(append)
            or (append.expect and first_conflict(append.expect, self.draft.versions.__getitem__))
            or self._take(append.messages)
        )

    def _take(self, messages: Sequence[NewMessage]) -> Written:
        self._unwritten.update([message.id for message in messages])
        return self.draft.take(messages)

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

    def _flush(self) -> None:
        rows, self.draft.rows = self.draft.rows, []
        self._unwritten.clear()
        for begin in range(0, len(rows), MOST_ROWS):
            self._db.execute(*insertion(rows[begin : begin + MOST_ROWS]))


def _same(message: NewMessage, row: _Stored) -> bool:
    stream, message_type, _position, _global_position, data, metadata = row
    if (stream, message_type) != (message.stream, message.type):
        return False
    if (metadata is None) != (message.metadata is None):
        return False
    if metadata is not None and not equal(metadata.encode(), message.metadata or b""):
        return False
    return equal(data.encode(), message.data)
