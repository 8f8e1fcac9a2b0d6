"""Batches that need no question to the database before they are written.

A namespace's file has one writer, which knows from its own commits where the head is and which
versions the streams have that it wrote lately. So it can propose positions by itself, and have a
whole batch written by one statement, which is a transaction of its own; the unique indexes judge.
Nobody is refused on that knowledge: what does not plainly win is decided by the database's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from mdb.core.messages import Append, Written
from mdb.stores.known import Known
from mdb.stores.sqlite.drafts import MOST_ROWS, Draft, insertion

# Bytes of data in a batch that is proposed: the event loop makes its rows, some hundred
# microseconds' work.
_MOST_BYTES = 1 << 18


class Proposal:
    """A batch all of whose writes win, if the state is what the writer takes it for.

    Attributes:
        statement: writes it, with `values`; fails, and writes nothing, if the state is another.
        outcomes: of its writes, in their order.
        draft: the state that it leaves.
    """

    __slots__ = ("draft", "outcomes", "statement", "values")

    def __init__(self, draft: Draft, outcomes: list[Written]) -> None:
        self.draft = draft
        self.outcomes = outcomes
        self.statement, self.values = insertion(draft.rows)


def propose(known: Known, batch: Sequence[Append]) -> Proposal | None:
    """Decide a batch by what is known; None where that does not do, or takes long. Sync."""
    if known.head is None or len(batch) > MOST_ROWS:
        return None
    versions: dict[str, int] = {}
    draft = Draft(known.head, versions)
    outcomes: list[Written] = []
    size = 0
    try:
        for append in batch:
            for message in append.messages:
                size += len(message.data) + len(message.metadata or b"")
            if size > _MOST_BYTES or not known.fits(append, versions):
                return None
            outcomes.append(draft.take(append.messages))
    except KeyError:
        return None
    return Proposal(draft, outcomes) if 0 < len(draft.rows) <= MOST_ROWS else None
