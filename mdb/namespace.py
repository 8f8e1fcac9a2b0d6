"""A namespace as its users have it: write, read, follow.

The HTTP server is one user of this class, a trio program that embeds mdb another.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import actors
from mdb.appending import Appender
from mdb.core import names
from mdb.core.errors import InvalidRequest
from mdb.core.messages import Append, Follow, NamespaceRecord, Outcome, Poke
from mdb.feed import Feed
from mdb.follow import Follower
from mdb.metrics import Metrics
from mdb.reading import Reading
from mdb.stores.base import NamespaceStore
from mdb.writing import Actors, QueueBounds, Writing

DEFAULT = "default"


# A database that is back is written to again within a second, which is also what `Retry-After`
# promises to those who were refused.
# Neither store holds anything between two commits that it could release.
_ACTOR = actors.GroupCommitSettings(backoff_cap=1.0, idle_release=math.inf)


class Namespace(Writing, Reading):
    """One namespace. Get one from `Database.namespace`; it lives as long as the database is open.

    Every method may be cancelled; a write that was taken up is carried out all the same.
    """

    def __init__(
        self,
        record: NamespaceRecord,
        store: NamespaceStore,
        running: Actors,
        queue: QueueBounds,
        metrics: Metrics,
        *,
        sweep: actors.Sweep,
    ) -> None:
        """Made by `Database`. `running` starts the namespace's actor when it is needed.

        `sweep`: at its end the writes that were put in it are begun.

        `gone`: it was deleted. `revoked`: how often its token was replaced. `known_by`:
        the digest of the token that was last looked up and let in.
        """
        self.record = record
        self.store = store
        self.feed = Feed(ordered=store.ordered, look_soon=store.look_soon)
        self.gone = False
        self.revoked = 0
        self.known_by: bytes | None = None
        self.importing = False
        self._actors = running
        self._queue = queue
        self._metrics = metrics
        self._sweep = sweep

    def actor(self) -> actors.GroupCommitActor[Append, Outcome]:
        """Make the actor that will own the write side; for the registry of actors."""
        return actors.GroupCommitActor(
            self.store,
            actors.Mailbox(self._queue.writes, self._queue.size),
            publish=self._published,
            on_batch=self._metrics.committed,
            on_crash=self._metrics.crashed,
            begin=self.store.begin,
            sweep=self._sweep,
            name=self.id,
            settings=_ACTOR,
        )

    def _published(self, appends: Sequence[Append], outcomes: Sequence[Outcome]) -> None:
        self.feed.publish(appends, outcomes)
        self._metrics.published(appends, outcomes)

    @property
    def id(self) -> str:
        """The namespace's id."""
        return self.record.id

    @property
    def is_default(self) -> bool:
        """Whether it is the namespace whose token is the admin's."""
        return self.record.id == DEFAULT

    # In somebody's own transaction

    async def appender(self) -> Appender:
        """Return what writes inside transactions of the caller's own, on the same Postgres.

        To be kept and used as often as wanted. Raises `InvalidRequest` for a namespace in SQLite,
        `BackendUnavailable`. See docs/EMBEDDING.md.
        """
        return Appender(self, await self.store.joining())

    # Following

    @asynccontextmanager
    async def subscribe(
        self,
        *,
        stream: str | None = None,
        category: str | None = None,
        all: bool = False,  # noqa: A002
        position: int | None = None,
        consumer_group: tuple[int, int] | None = None,
        correlation: str | None = None,
    ) -> AsyncGenerator[Subscription]:
        """Follow a stream, a category, or everything: history first, then what is written.

        Exactly one of `stream`, `category`, `all`. `position` is inclusive: a stream position
        for a stream, a global position otherwise; default the beginning. From the moment the
        block is entered nothing is missed.

            async with ns.subscribe(category="account") as pokes:
                async for poke in pokes:
                    ...
        """
        if [stream is not None, category is not None, all].count(True) != 1:
            raise InvalidRequest("exactly one of stream, category and all is needed")
        first = max(position or 0, 0)
        after = 0 if stream is not None else max(first - 1, 0)
        if stream is not None:
            follow = Follow("stream", names.check_stream_name(stream, "stream"), min_position=first)
        elif category is not None:
            names.check_category(category, "category")
            follow = Follow("category", category, consumer_group, correlation)
        else:
            follow = Follow("all")
        follower = self.follow(follow, after)
        try:
            yield Subscription(follower)
        finally:
            follower.close()

    def follow(self, follow: Follow, after: int) -> Follower:
        """Register a follower, to be closed by the caller. Sync: nothing later is missed."""
        return Follower(self.store, self.feed, follow, after, self._metrics)


class Subscription:
    """The pokes of a subscription, one after the other: `async for poke in pokes`."""

    def __init__(self, follower: Follower) -> None:
        """Made by `Namespace.subscribe`."""
        self._follower = follower
        self._waiting: Sequence[Poke] = ()
        self._next = 0

    def __aiter__(self) -> Subscription:
        """Iterate over the pokes; the iteration ends only by an error or cancellation."""
        return self

    async def __anext__(self) -> Poke:
        """Wait for the next poke. Cancelled, it has taken none. Raises `mdb.Ended`."""
        while self._next >= len(self._waiting):
            delivery = await self._follower.receive()
            self._waiting, self._next = delivery.pokes, 0
        poke = self._waiting[self._next]
        self._next += 1
        return poke
