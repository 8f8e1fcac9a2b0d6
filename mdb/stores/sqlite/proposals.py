"""Batches that need no question to the database before they are written.

A namespace's file has one writer, which knows from its own commits where the head is and which
versions the streams have that it wrote lately. So it can propose positions by itself, and have a
whole batch written by one statement, which is a transaction of its own; the unique indexes judge.
Nobody is refused on that knowledge: what does not plainly win is decided by the database's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mdb.core.messages import Append, Written
from mdb.core.versions import first_conflict
from mdb.stores.sqlite.drafts import MOST_ROWS, Draft, insertion

# Streams whose versions are remembered for sure; at most twice as many are. Some 200 bytes each.
RECENT = 2000

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


class Known:
    """What the one writer of a namespace knows of its state; nothing, to begin with.

    Whatever is done to the messages by anybody else, or by the writer with an outcome that is not
    certain, is followed by `forget`. For one task at a time.
    """

    def __init__(self) -> None:
        self._head: int | None = None
        self._recent: dict[str, int] = {}
        self._older: dict[str, int] = {}

    def forget(self) -> None:
        """Know nothing any more."""
        self._head = None
        self._recent.clear()
        self._older.clear()

    def learn(self, head: int, versions: Mapping[str, int]) -> None:
        """Remember what stands, as a commit has left it."""
        if len(versions) > RECENT:
            self.forget()
            versions = {}
        elif len(self._recent) + len(versions) > RECENT:
            self._older, self._recent = self._recent, {}
        self._head = head
        self._recent.update(versions)

    def propose(self, batch: Sequence[Append]) -> Proposal | None:
        """Decide a batch by what is known; None where that does not do, or takes long. Sync."""
        if self._head is None or len(batch) > MOST_ROWS:
            return None
        versions: dict[str, int] = {}
        draft = Draft(self._head, versions)
        outcomes: list[Written] = []
        size = 0
        try:
            for append in batch:
                for message in append.messages:
                    size += len(message.data) + len(message.metadata or b"")
                    if message.stream not in versions:
                        versions[message.stream] = self._version(message.stream)
                if append.expect:
                    for stream, _ in append.expect:
                        if stream not in versions:
                            versions[stream] = self._version(stream)
                    if first_conflict(append.expect, versions.__getitem__) is not None:
                        return None
                if size > _MOST_BYTES:
                    return None
                outcomes.append(draft.take(append.messages))
        except KeyError:
            return None
        return Proposal(draft, outcomes) if 0 < len(draft.rows) <= MOST_ROWS else None

    def _version(self, stream: str) -> int:
        version = self._recent.get(stream)
        return self._older[stream] if version is None else version
