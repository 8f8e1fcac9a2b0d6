"""Fan-out of shared items to many subscribers, each with a bound of its own.

Publishing is sync, cannot block and does not raise. A subscriber that falls behind its bound
costs the others nothing and holds no memory: its queue is dropped, and its next receive says so
(`Lagged`), whereupon it reads what it missed from wherever the items are kept.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

import trio

from .errors import SubscriptionEnded

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lagged:
    """Received in place of items: read on from where you stand, there was more than you got.

    Either the bound was passed, or `Hub.wake` said that something happened that was not published.
    Whatever is published after this was received is queued again, so a reader that now reads the
    database from its own position misses nothing (and may see an item twice: once there, once
    here).
    """

    dropped: int
    """Items that were dropped; 0 after a mere `Hub.wake`."""


@dataclass(frozen=True, slots=True)
class HubStatistics:
    """What `Hub.statistics` returns."""

    subscribers: int
    """Open subscriptions."""
    topics: int
    """Topics with at least one subscriber."""
    queued: int
    """Items waiting in all subscriptions together (shared objects, counted once each)."""
    published: int
    """Items ever published, with or without subscribers."""
    delivered: int
    """Items ever queued for a subscriber."""
    lagged: int
    """Times a subscriber passed its bound."""


class Subscription(Generic[T]):
    """One subscriber's place in a hub; from `Hub.subscribe`. Close it, or use it in a `with`."""

    def __init__(self, hub: Hub[T], topic: Hashable, capacity: int) -> None:
        self._hub = hub
        self._queue: list[T] = []
        self._dropped = 0
        self._arrived: trio.Event | None = None  # set while the subscriber waits
        self._ended = False
        self._closed = False
        self.topic = topic
        self.capacity = capacity
        self.lagged = False
        """Whether the next receive will say `Lagged`."""
        self.reason: object = None
        """What the hub ended it with, once it has."""

    async def receive_batch(self) -> list[T] | Lagged:
        """Wait until there is something, and take all of it. Always a checkpoint.

        Cancellation: takes nothing.

        Returns: the items in the order they were published (at least one), or `Lagged`.

        Raises:
            SubscriptionEnded: the hub ended it, and everything before that was received.
            trio.ClosedResourceError: this end was closed.
            trio.BusyResourceError: another task waits here.
        """
        if self._has_news():
            await trio.lowlevel.checkpoint()
        while not self._has_news():
            if self._arrived is not None:
                raise trio.BusyResourceError("another task waits on this subscription")
            self._arrived = trio.Event()
            try:
                await self._arrived.wait()
            finally:
                self._arrived = None
        return self._take()

    @property
    def waiting(self) -> bool:
        """Whether the next receive has something to return at once."""
        return self._has_news()

    def _has_news(self) -> bool:
        return bool(self._queue) or self.lagged or self._ended or self._closed

    def _take(self) -> list[T] | Lagged:
        if self._closed:
            raise trio.ClosedResourceError
        if self.lagged:
            dropped, self._dropped, self.lagged = self._dropped, 0, False
            return Lagged(dropped)
        if self._queue:
            items, self._queue = self._queue, []
            return items
        raise SubscriptionEnded(self.reason)

    def _offer(self, item: T) -> bool:
        """Queue `item`; False if it was dropped."""
        if self.lagged:  # it reads everything from the database anyway
            self._dropped += 1
            return False
        if len(self._queue) >= self.capacity:
            self._hub._lagged += 1
            self._fall_behind(1)
            return False
        self._queue.append(item)
        if self._arrived is not None:
            self._arrived.set()
        return True

    def _fall_behind(self, dropped: int) -> None:
        self._dropped += dropped + len(self._queue)
        self._queue = []
        self.lagged = True
        if self._arrived is not None:
            self._arrived.set()

    def _end(self, reason: object) -> None:
        self._ended = True
        self.reason = reason
        if self._arrived is not None:
            self._arrived.set()

    def close(self) -> None:
        """Leave the hub and drop what is queued. Sync, no checkpoint; may be called again.

        A task that waits in `receive_batch` gets `trio.ClosedResourceError`.
        """
        if not self._closed:
            self._closed = True
            self._queue = []
            self._hub._remove(self)
            if self._arrived is not None:
                self._arrived.set()

    def __enter__(self) -> Subscription[T]:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "ended" if self._ended else "open"
        lagged = ", lagged" if self.lagged else ""
        return (
            f"<Subscription {self.topic!r} {state}, {len(self._queue)} of {self.capacity}{lagged}>"
        )


class Hub(Generic[T]):
    """Topics, and who follows them. A topic without subscribers holds no memory.

    True when it has any subscriber, so that a publisher can skip making items nobody takes.
    """

    def __init__(self) -> None:
        # A dict of dicts as ordered sets: removal stays cheap with ten thousand subscribers.
        self._topics: dict[Hashable, dict[Subscription[T], None]] = {}
        self._closed = False
        self._reason: object = None
        self._published = 0
        self._delivered = 0
        self._lagged = 0

    def subscribe(self, topic: Hashable, capacity: int) -> Subscription[T]:
        """Follow `topic` from now on. Sync: whatever is published after it returns is received.

        Args:
            capacity: most items that wait for this subscriber, at least 1.

        On a closed hub the subscription ends at once, with the reason the hub was closed for.
        """
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1: {capacity}")
        subscription = Subscription(self, topic, capacity)
        if self._closed:
            subscription._end(self._reason)
        else:
            self._topics.setdefault(topic, {})[subscription] = None
        return subscription

    def _remove(self, subscription: Subscription[T]) -> None:
        followers = self._topics.get(subscription.topic)
        if followers is not None:
            followers.pop(subscription, None)
            if not followers:
                del self._topics[subscription.topic]

    def publish(self, topics: Iterable[Hashable], item: T) -> None:
        """Give one item to the followers of each of `topics`.

        Sync; costs one look-up for a topic that nobody follows. The item is shared by all who get
        it, so encode it once, and do not change it.
        """
        self._published += 1
        table = self._topics
        for topic in topics:
            followers = table.get(topic)
            if followers:
                for subscription in followers:
                    self._delivered += subscription._offer(item)

    def publish_all(self, item: T) -> None:
        """Give one item to every subscriber, whatever its topic, under the same bounds.

        A subscriber past its bound does not get it: say what nobody may miss with `close` or
        `end_subscriptions`.
        """
        self._published += 1
        for followers in self._topics.values():
            for subscription in followers:
                self._delivered += subscription._offer(item)

    def wake(self, topics: Iterable[Hashable] | None = None) -> None:
        """Send the followers of `topics` (everybody by default) to read from where they stand.

        For news without items: something was written elsewhere, or notices may have been lost.
        Each gets one `Lagged`, however often it is woken before it looks.
        """
        chosen = list(self._topics) if topics is None else topics
        for topic in chosen:
            for subscription in self._topics.get(topic, ()):
                subscription._fall_behind(0)

    def has_subscribers(self, topic: Hashable) -> bool:
        """Whether anybody follows `topic`."""
        return topic in self._topics

    def __bool__(self) -> bool:
        return bool(self._topics)

    def end_subscriptions(self, reason: object = None) -> None:
        """End all present subscriptions: each receives what it has queued, then the reason.

        The hub stays open for new ones. Nobody misses it, lagged or not.
        """
        topics, self._topics = self._topics, {}
        for followers in topics.values():
            for subscription in followers:
                subscription._end(reason)

    def close(self, reason: object = None) -> None:
        """End all subscriptions, as `end_subscriptions`, and every later one at once."""
        if not self._closed:
            self._closed = True
            self._reason = reason
        self.end_subscriptions(reason)

    def statistics(self) -> HubStatistics:
        """The state at this moment; cost grows with the number of subscribers."""
        subscriptions = [s for followers in self._topics.values() for s in followers]
        return HubStatistics(
            subscribers=len(subscriptions),
            topics=len(self._topics),
            queued=sum(len(s._queue) for s in subscriptions),
            published=self._published,
            delivered=self._delivered,
            lagged=self._lagged,
        )
