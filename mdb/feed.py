"""The publishing side of subscriptions: what was committed goes to whoever follows it.

One feed a namespace. Its actor publishes here after each commit, in commit order, and every
subscriber hears of what matches its topic alone. The feed knows up to where the notices it
published are complete; a commit that does not join on to that (someone else wrote in between, or
may still write below it) tells every subscriber to read the database from where it stands. How far
the database itself is complete is then found out by the store's watch, which says so (`advance`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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

    def __init__(
        self, *, ordered: bool = True, look_soon: Callable[[], None] | None = None
    ) -> None:
        """Nothing was published yet.

        `ordered`: messages become visible in the order of their global positions, so that what was
        read up to a position is complete. `look_soon`: called where the feed has lost the thread.
        """
        self.hub: Hub[Notice] = Hub()
        self.upto = 0
        self._ordered = ordered
        self._look_soon = look_soon or (lambda: None)

    def subscribe(self, follow: Follow) -> Subscription[Notice]:
        """Listen from now on. The subscriber then reads what came before from the database."""
        if not self.hub:
            # While nobody followed, nobody looked.
            self._look_soon()
        return self.hub.subscribe(topic(follow), CAPACITY)

    def advance(self, upto: int) -> None:
        """Take in that the database is complete up to a global position."""
        if upto > self.upto:
            self.upto = upto
            self.hub.wake()

    def recede(self, upto: int) -> None:
        """Take in that the database was put back; who follows is to come anew from its place."""
        self.upto = min(self.upto, upto)
        self.hub.end_subscriptions("receded")

    def publish(self, appends: Sequence[Append], outcomes: Sequence[Outcome]) -> None:
        """Publish what a commit wrote."""
        if self._ordered and not self.hub:
            self._pass(outcomes)
            return
        for append, outcome in zip(appends, outcomes, strict=True):
            if isinstance(outcome, Written) and not outcome.repeated:
                self._publish(append, outcome)

    def _pass(self, outcomes: Sequence[Outcome]) -> None:
        """Take in what a commit wrote, in its order, where nobody is to be told."""
        for outcome in reversed(outcomes):
            if isinstance(outcome, Written) and not outcome.repeated:
                self.upto = max(self.upto, outcome.positions[-1][1])
                return

    def note_import(self, upto: int) -> None:
        """Tell every subscriber to read the database: messages up to `upto` came in unpublished.

        `upto` 0: it is not known whether they did.
        """
        self.hub.wake()
        if self._ordered:
            self.upto = max(self.upto, upto)
        else:
            self._look_soon()

    def _publish(self, append: Append, written: Written) -> None:
        first, last = written.positions[0][1], written.positions[-1][1]
        after = written.after
        joins_on = after is not None and after <= self.upto
        # Below the first one something may be missing that is still being written.
        gapless = self._ordered or first - 1 == after
        contiguous = last - first + 1 == len(written.positions)
        if joins_on and gapless and contiguous:
            if self.hub:
                self._fan_out(append, written)
            self.upto = max(self.upto, last)
        else:
            self.hub.wake()
            if self._ordered:
                self.upto = max(self.upto, last)
            elif self.hub:
                self._look_soon()

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
