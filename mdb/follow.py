"""The subscriber's side: history and live as one sequence, without gap or repetition.

A follower first listens to the feed, then reads the database page by page until it has come to
the head, and from then on takes what the feed tells it. Where the feed could not tell it all (its
bound was reached, or another writer was at work) it reads the database again from where it
stands. There is no other path, so catch-up, live and recovery cannot differ.
"""

from __future__ import annotations

import logging

import msgspec
import trio

from actors import Lagged, SubscriptionEnded
from mdb.core.errors import AuthUnauthorized, BackendUnavailable, Overloaded
from mdb.core.messages import Follow, Poke
from mdb.feed import Feed, frame, matches
from mdb.metrics import Metrics
from mdb.stores.base import NamespaceStore

log = logging.getLogger("mdb.follow")

# Notices read from the database at a time. What a subscriber that stalls holds on to is its page:
# some 50 KiB, with names as long as they may be 300.
PAGE = 250

# Seconds between attempts while the database cannot be reached: first, and at most.
RETRY_FIRST = 0.1
RETRY_CAP = 2.0


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """The next pokes (perhaps none), their frames, and how far the follower has now looked."""

    pokes: tuple[Poke, ...]
    frames: tuple[bytes, ...]
    upto: int


class Ended(Exception):
    """The subscription is over.

    `reason`: "gone" (deleted, token revoked), "draining", or "receded": the database was put back
    to an earlier state, and positions that were told may come again.
    """

    def __init__(self, reason: str) -> None:
        """Say why."""
        super().__init__(reason)
        self.reason = reason


class Follower:
    """One subscriber of one namespace. Close it; it holds a place in the feed.

    `upto` is the global position up to which everything that matches was delivered.
    """

    def __init__(
        self, store: NamespaceStore, feed: Feed, follow: Follow, after: int, metrics: Metrics
    ) -> None:
        """Listen from now on. `after`: the first `receive` begins above this global position."""
        self.follow = follow
        self.upto = after
        self._store = store
        self._feed = feed
        self._metrics = metrics
        self._subscription = feed.subscribe(follow)
        self._behind = True
        self._retry = RETRY_FIRST

    def close(self) -> None:
        """Give up the place in the feed. May be called twice."""
        self._subscription.close()

    async def receive(self) -> Delivery:
        """Wait for the next pokes, or for progress worth remembering (a delivery of none).

        Cancelled, it has delivered nothing and can be called again. While the database can't be
        reached it keeps trying. Raises `Ended`.
        """
        while True:
            delivery = await self._read() if self._behind else await self._listen()
            if delivery is not None:
                return delivery

    @property
    def draining(self) -> bool:
        """Whether the server is stopping, whatever there is still to receive."""
        return self._subscription.reason == "draining"

    def progress(self) -> int:
        """Return the position to resume from: where nothing is waiting, the feed's own."""
        if not self._behind and not self._subscription.waiting:
            self.upto = max(self.upto, self._feed.upto)
        return self.upto

    async def _read(self) -> Delivery | None:
        if self._subscription.reason is not None:
            raise Ended(str(self._subscription.reason))
        try:
            page = await self._store.pokes(self.follow, self.upto, PAGE)
        except AuthUnauthorized as exc:
            raise Ended("gone") from exc  # it was deleted, by another server perhaps
        except (BackendUnavailable, Overloaded) as exc:
            log.warning("a subscriber waits for the database: %s", exc)
            await trio.sleep(self._retry)
            self._retry = min(self._retry * 2, RETRY_CAP)
            return None
        self._retry = RETRY_FIRST
        self._behind = page.more
        moved = page.upto > self.upto
        self.upto = page.upto
        if not page.pokes and not moved:
            return None
        self._metrics.pokes_read += len(page.pokes)
        return Delivery(page.pokes, tuple(frame(poke) for poke in page.pokes), page.upto)

    async def _listen(self) -> Delivery | None:
        try:
            items = await self._subscription.receive_batch()
        except SubscriptionEnded as exc:
            raise Ended(str(exc.reason)) from exc
        if isinstance(items, Lagged):
            self._behind = True
            return None
        notices = [
            item
            for item in items
            if item.poke.global_position > self.upto and matches(self.follow, item)
        ]
        if not notices:
            return None
        self.upto = notices[-1].poke.global_position
        self._metrics.pokes_heard += len(notices)
        return Delivery(tuple(n.poke for n in notices), tuple(n.frame for n in notices), self.upto)
