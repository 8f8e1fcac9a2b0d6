"""The publishing side of subscriptions: what was committed goes to whoever follows it.

One feed a namespace. Its actor publishes here after each commit, in commit order, and every
subscriber hears of what matches its topic alone. The feed knows up to where the notices it
published are complete; a commit that does not join on to that (someone else wrote in between)
tells every subscriber to read the database from where it stands.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from actors import Hub, Subscription
from mdb.core.hash64 import cardinal_hash, member_of
from mdb.core.messages import Append, Follow, Outcome, Poke, Written
from mdb.core.names import category

# Notices a subscriber may have waiting before it is fed from the database instead: some 100 KiB.
CAPACITY = 1024


class Notice(msgspec.Struct, frozen=True, gc=False):
    """A poke on its way to subscribers, shared by all of them.

    `hash` and `correlation` are what filters ask for; `frame` is the poke as a server-sent
    event, encoded once.
    """

    poke: Poke
    hash: int | None
    correlation: str | None
    frame: bytes


def frame(poke: Poke) -> bytes:
    """Encode a poke as a server-sent event."""
    return b'id: %d\nevent: poke\ndata: {"stream":%b,"position":%d,"globalPosition":%d}\n\n' % (
        poke.global_position,
        msgspec.json.encode(poke.stream),
        poke.position,
        poke.global_position,
    )


def topic(follow: Follow) -> tuple[str, str]:
    """Return the topic that a subscriber listens to."""
    return follow.kind, follow.name


def matches(follow: Follow, notice: Notice) -> bool:
    """Tell whether a notice of the subscriber's topic passes its filters."""
    if notice.poke.position < follow.min_position:
        return False
    if follow.correlation is not None and notice.correlation != follow.correlation:
        return False
    if follow.group is not None:
        member, size = follow.group
        return notice.hash is not None and member_of(notice.hash, size) == member
    return True


class Feed:
    """Notices of one namespace, fanned out. Everything here is sync and never blocks."""

    def __init__(self) -> None:
        """Nothing was published yet."""
        self.hub: Hub[Notice] = Hub()
        self.upto = 0

    def subscribe(self, follow: Follow) -> Subscription[Notice]:
        """Listen from now on. The subscriber then reads what came before from the database."""
        return self.hub.subscribe(topic(follow), CAPACITY)

    def publish(self, appends: Sequence[Append], outcomes: Sequence[Outcome]) -> None:
        """Publish what a commit wrote."""
        for append, outcome in zip(appends, outcomes, strict=True):
            if isinstance(outcome, Written) and not outcome.repeated:
                self._publish(append, outcome)

    def note_import(self, upto: int) -> None:
        """Tell every subscriber to read the database: messages up to `upto` came in unpublished.

        `upto` 0: it is not known whether they did.
        """
        self.hub.wake()
        self.upto = max(self.upto, upto)

    def _publish(self, append: Append, written: Written) -> None:
        first, last = written.positions[0][1], written.positions[-1][1]
        joins_on = written.after is not None and written.after <= self.upto
        contiguous = last - first + 1 == len(written.positions)
        if not (joins_on and contiguous):
            self.hub.wake()
        elif self.hub:
            self._fan_out(append, written)
        self.upto = max(self.upto, last)

    def _fan_out(self, append: Append, written: Written) -> None:
        for message, (position, at) in zip(append.messages, written.positions, strict=True):
            topics = (
                ("all", ""),
                ("category", category(message.stream)),
                ("stream", message.stream),
            )
            if any(self.hub.has_subscribers(topic) for topic in topics):
                poke = Poke(message.stream, position, at)
                hashed = cardinal_hash(message.stream)
                self.hub.publish(topics, Notice(poke, hashed, message.correlation, frame(poke)))
