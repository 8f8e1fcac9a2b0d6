"""Batches whose positions are proposed, so that the database has to look up none.

A namespace's writer knows from its own commits which versions the streams have that it wrote
lately, and where the head was. Where nobody has written since, which `write_at` tells from the
head, it can propose the positions of a batch; the unique indexes judge. Whatever does not plainly
win is decided by the database, by `write_messages`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from asyncpg.pgproto.pgproto import UUID

from mdb.core.messages import Append, Outcome, Written
from mdb.stores.known import Known

# Writes in a batch that is proposed: for fewer there is little to gain.
LEAST = 4

# Batches that the database decides by itself after a proposal that was wrong. Where other servers
# write into the namespace, too, most would be.
PAUSE = 100

# Seconds without a commit after which nothing is known any more; and after four times as many, at
# most, no stream that was not written meanwhile. Somebody may take messages out by hand, which
# neither an index nor, perhaps, the head tells of.
AGE = 1.0


class Proposal:
    """A batch all of whose writes win, if the state is what the writer takes it for."""

    __slots__ = ("_batch", "_positions", "head", "versions")

    def __init__(
        self, batch: Sequence[Append], head: int, versions: dict[str, int], positions: list[int]
    ) -> None:
        """`positions`: of its messages, in their order. `versions`: those that they leave."""
        self._batch = batch
        self._positions = positions
        self.head = head
        self.versions = versions

    def arguments(self) -> tuple[Any, ...]:
        """Return the arguments of `write_at`."""
        messages = [message for append in self._batch for message in append.messages]
        return (
            [UUID(m.id) for m in messages],
            [m.stream for m in messages],
            [m.type for m in messages],
            [m.data for m in messages],
            [m.metadata for m in messages],
            self._positions,
            self.head,
        )

    def outcomes(self, global_positions: Sequence[int]) -> list[Outcome]:
        """Say what became of its writes, which stand at these global positions."""
        outcomes: list[Outcome] = []
        placed = zip(self._positions, global_positions, strict=True)
        after = self.head
        for append in self._batch:
            positions = tuple([next(placed) for _ in append.messages])
            outcomes.append(Written(positions, after=after))
            after = positions[-1][1]
        return outcomes


class Proposals:
    """When a namespace's writer proposes, and from what. For one task at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is known. `clock`: seconds."""
        self._clock = clock
        self._known = Known()
        self._learned = clock()
        self._aged = self._learned
        self._pause = 0  # batches

    def propose(self, batch: Sequence[Append]) -> Proposal | None:
        """Decide a batch by what is known; None where that does not do. Sync."""
        if self._pause:
            self._pause -= 1
            return None
        head = self._known.head
        if head is None or len(batch) < LEAST or self._clock() - self._learned > AGE:
            return None
        versions: dict[str, int] = {}
        positions: list[int] = []
        try:
            for append in batch:
                if not self._known.fits(append, versions):
                    return None
                for message in append.messages:
                    position = versions[message.stream] = versions[message.stream] + 1
                    positions.append(position)
        except KeyError:
            return None
        # Of a stream that is not written no index says whether its version is still the one known.
        written = {m.stream for append in batch for m in append.messages}
        return None if versions.keys() - written else Proposal(batch, head, versions, positions)

    def stood(self, proposal: Proposal, global_positions: Sequence[int]) -> list[Outcome]:
        """Take in that a proposal was written; return the outcomes of its writes."""
        self._learn(global_positions[-1], proposal.versions)
        return proposal.outcomes(global_positions)

    def refused(self) -> None:
        """Take in that a proposal was wrong, and nothing was written."""
        self.forget()
        self._pause = PAUSE

    def decided(self, batch: Sequence[Append], outcomes: Sequence[Outcome]) -> None:
        """Take in what the database has decided of a batch, and committed."""
        versions: dict[str, int] = {}
        before = head = self._known.head
        for append, outcome in zip(batch, outcomes, strict=True):
            if not isinstance(outcome, Written) or outcome.repeated:
                continue
            if outcome.after is None:
                # Of an earlier try: what came since is not known.
                self.forget()
                return
            if not versions:
                before = outcome.after
            for message, (position, _) in zip(append.messages, outcome.positions, strict=True):
                versions[message.stream] = position
            head = outcome.positions[-1][1]
        if not versions or head is None:
            return
        if before != self._known.head:
            self.forget()  # others have written since
        self._learn(head, versions)

    def _learn(self, head: int, versions: dict[str, int]) -> None:
        now = self._clock()
        if now - self._learned > AGE:
            self.forget()
        elif now - self._aged > AGE:
            self._known.age()
            self._aged = now
        self._known.learn(head, versions)
        self._learned = now

    def forget(self) -> None:
        """Know nothing any more: a commit's outcome is open."""
        self._known.forget()
