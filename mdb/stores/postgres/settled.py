"""Up to which global position a reader of everything may go.

A position is drawn before its row can be seen, and transactions end in any order: above a position
that is missing there may be rows already, and the missing one may still come. An insert takes its
table's lock before the position is drawn and keeps it until its transaction has ended, visible
first. So: whoever may still fill a gap below a row that was seen holds that lock after the row was
seen. When all of those have ended, what is missing still never comes.

There is no bound in time that would do instead, and none in transaction ids: a writer that has
drawn its position may have no transaction id yet.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec
import trio

from mdb.stores.postgres.session import Session
from mdb.stores.postgres.sql import NamespaceQueries, registry_query

log = logging.getLogger("mdb.stores.postgres.settled")

# Rows above the settled head that one look goes through.
WINDOW = 10_000

# Times in a row that nobody is waited for and there is more to see by then. Each of them is as far
# as what was there when it began.
_ROUNDS = 20

# Seconds after which it is logged who holds the readers of everything back, and again each minute.
WARN_AFTER = 10.0
WARN_EVERY = 60.0


class Holder(msgspec.Struct, frozen=True):
    """A transaction that holds the lock to write messages. `pid` None: it is prepared."""

    name: str
    pid: int | None

    @property
    def is_prepared(self) -> bool:
        """Whether it was prepared for a later commit, which gives a transaction a new name."""
        return self.pid is None


class Tail(msgspec.Struct, frozen=True):
    """What lies above a position: see the function `tail`. `after`: that position."""

    after: int
    head: int
    contiguous: int
    visible: int

    @property
    def is_short(self) -> bool:
        """Whether what was seen at that position is there no more."""
        return self.head < self.after


class Held(msgspec.Struct):
    """A wait: until `holders` have ended, the settled head is not moved on to `top`."""

    holders: dict[str, Holder]
    top: int
    since: float
    warn_at: float


class Settled:
    """The settled head of one namespace, as far as this server knows. State alone, no I/O.

    `upto`: no message at or below it will become visible that is not. `held`: who is waited for.
    """

    def __init__(self, where: str) -> None:
        """`where`: the namespace, for the log."""
        self.upto = 0
        self.held: Held | None = None
        self.looked = False
        self._where = where
        self._seen = (0, 0)
        self._stirred = False
        self._receded = False

    def advance(self, tail: Tail) -> bool:
        """Take in a look; True where it left nothing above the settled head."""
        if tail.after <= self.upto:
            # A row without gaps stays one, so that an older look than the last does no harm.
            self.upto = max(self.upto, tail.contiguous)
        return tail.head <= self.upto

    def compare(self, tail: Tail) -> None:
        """Note whether a look shows rows above the settled head that the last one did not."""
        seen = (tail.head, tail.visible - (tail.contiguous - tail.after))
        if tail.head > self.upto and seen != self._seen:
            self._seen = seen
            self._stirred = True

    def recede(self, head: int) -> None:
        """Take in that positions above `head` are given out anew: the database was put back."""
        self.upto, self.held, self._receded = min(self.upto, head), None, True

    def take_receded(self) -> bool:
        """Tell, once, whether the settled head went back."""
        receded, self._receded = self._receded, False
        return receded

    def take_stirred(self) -> bool:
        """Tell, once, whether there are new rows above the settled head."""
        stirred, self._stirred = self._stirred, False
        return stirred

    def hold(self, holders: Sequence[Holder], top: int, now: float) -> None:
        """Wait for `holders`, seen after `top` was; nobody there: it is settled at once."""
        if not holders:
            self.upto = max(self.upto, top)
        else:
            held = {holder.name: holder for holder in holders}
            self.held = Held(held, top, now, now + WARN_AFTER)

    def note(self, holders: Sequence[Holder], now: float) -> None:
        """Take in who holds the lock now: who is not there any more has ended."""
        held = self.held
        if held is None:
            return
        there = {holder.name: holder for holder in holders}
        # One of those waited for may have been prepared since: then it goes by another name.
        left = {n: h for n, h in there.items() if n in held.holders or h.is_prepared}
        if left:
            held.holders = left
            self._warn(held, now)
        else:
            self.upto = max(self.upto, held.top)
            self.held = None

    def _warn(self, held: Held, now: float) -> None:
        if now >= held.warn_at:
            held.warn_at = now + WARN_EVERY
            log.warning(
                "namespace %s: readers of everything have been held back for %.0f s at global "
                "position %d by an open transaction that wrote messages: %s",
                self._where,
                now - held.since,
                self.upto,
                ", ".join(
                    "a prepared transaction" if h.pid is None else f"pid {h.pid}"
                    for h in held.holders.values()
                ),
            )

    def held_for(self, now: float) -> float:
        """Return for how many seconds readers of everything have been held back; 0: they are not.

        `held_by` names who does it.
        """
        return 0.0 if self.held is None else max(now - self.held.since, 0.0)

    def held_by(self) -> tuple[int | None, ...]:
        """Return the pids of the sessions that hold readers back, None for a prepared one."""
        return () if self.held is None else tuple(h.pid for h in self.held.holders.values())


async def look(session: Session, queries: NamespaceQueries, settled: Settled) -> None:
    """Move the settled head on as far as it goes now. One at a time for each `Settled`.

    Ended in order, it has passed all that was complete when it began: readers take what lies above
    for what will be told them.

    An asyncio function on one session. Each statement has a snapshot of its own, so the order of
    statements matters: holders after the rows that are to be passed, rows again after the holders.
    """
    # What is long is not gone through where nobody is writing: the first look, and a full window.
    rounds, leap = 0, not settled.looked
    while rounds < _ROUNDS:
        if settled.held is not None:
            settled.note(await _holders(session, queries), trio.current_time())
        limit = 0 if leap and settled.held is None else WINDOW
        tail = await _tail(session, queries, settled.upto, limit)
        settled.looked, leap = True, False
        if tail.is_short and await _last_drawn(session, queries) < settled.upto:
            # A failover that lost it, or a backup in its place. (Were it deleted, its number would
            # not come again.)
            log.warning("the database was put back to before global position %d", settled.upto)
            settled.recede(tail.head)
            continue
        if settled.advance(tail):
            break
        settled.compare(tail)
        if tail.visible == WINDOW and tail.contiguous == tail.after + WINDOW:
            leap = True
            continue  # no gap so far, and more to see
        rounds += 1
        if settled.held is not None:
            break
        settled.hold(await _holders(session, queries), tail.head, trio.current_time())
        if settled.held is not None and tail.visible > 0:
            break


async def _tail(session: Session, queries: NamespaceQueries, after: int, limit: int) -> Tail:
    row = await session.row(registry_query("tail"), queries.schema, after, limit)
    return Tail(after, row["head"], row["contiguous"], row["visible"])


async def _last_drawn(session: Session, queries: NamespaceQueries) -> int:
    last: int = await session.value(queries["sequence_last"])
    return last


async def _holders(session: Session, queries: NamespaceQueries) -> list[Holder]:
    rows = await session.fetch(queries["holders"])
    return [Holder(row["holder"], row["pid"]) for row in rows]
