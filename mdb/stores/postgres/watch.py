"""Watching a database for what others do to it: writes, deletions, tokens taken away.

What decides is a poll: one query for all namespaces that are followed, and one for what was taken
away. Notifications make them come sooner; a lost one costs no more than the time to the next poll.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from uuid import UUID

import msgspec
import trio

from mdb.core.errors import MdbError
from mdb.core.messages import NamespaceRecord
from mdb.stores.base import Watched
from mdb.stores.postgres.faults import reading
from mdb.stores.postgres.namespace import PostgresNamespace
from mdb.stores.postgres.news import News
from mdb.stores.postgres.pool import Pool
from mdb.stores.postgres.session import Row, Session
from mdb.stores.postgres.settled import WINDOW, Tail
from mdb.stores.postgres.signals import Listener, Notifier
from mdb.stores.postgres.sql import REGISTRY_SCHEMA, registry_query

log = logging.getLogger("mdb.stores.postgres.watch")

# Seconds for a poll.
POLL_LIMIT = 10.0

# Seconds for a look at one namespace, for which the others wait: its table may be locked. What was
# found out by then is kept.
LOOK_LIMIT = 2.0

# Least seconds between two looks. What is heard of meanwhile is looked at together.
SPACING = 0.005


class Watching(msgspec.Struct, frozen=True):
    """How a server learns of what others do.

    `poll_interval`: seconds, above 0. `listen_url`: where to listen, if not at the database's own
    URL: behind a transaction pooler, a direct address. `listen`: False for polling alone.
    """

    poll_interval: float = 0.5
    listen_url: str | None = None
    listen: bool = True


POLLING_AND_LISTENING = Watching()


class Watch:
    """One server's watch. `run` is all of it."""

    def __init__(
        self,
        pool: Pool,
        news: News,
        namespace: Callable[[NamespaceRecord], PostgresNamespace],
        *,
        notifier: Notifier,
        listener: Listener | None,
        poll_interval: float,
    ) -> None:
        """No I/O. `listener` None: polling alone."""
        self._pool = pool
        self._news = news
        self._namespace = namespace
        self._notifier = notifier
        self._listener = listener
        self._interval = poll_interval
        self._revisions: int | None = None
        self._taken_away = trio.Event()

    @property
    def connections(self) -> int:
        """How many connections there are beside the pool's."""
        listening = self._listener is not None and self._listener.connected
        return int(listening) + (self._notifier.pid is not None)

    async def run(self, watched: Watched) -> None:
        """Watch until cancelled. See `Store.watch`."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._notifier.run)
            if self._listener is not None:
                nursery.start_soon(self._listener.run)
            nursery.start_soon(self._heed, watched)
            await self._poll(watched)

    async def _heed(self, watched: Watched) -> None:
        """Learn of what others took away, when it is told and at each interval.

        Apart from the poll, which waits where somebody has locked the table of one namespace: no
        token may live longer for that.
        """
        while True:
            await self._reported(self._check, watched)
            await trio.sleep(SPACING)
            with trio.move_on_after(self._interval):
                await self._taken_away.wait()
            self._taken_away = trio.Event()

    async def _check(self, watched: Watched) -> None:
        rows = await self._ask(_rows, [], [])
        revisions = rows[0]["revisions"]
        if revisions != self._revisions:
            await self._revalidate(watched)
            self._revisions = revisions

    async def _poll(self, watched: Watched) -> None:
        due = trio.current_time()
        closely = due
        while True:
            heard, soon, everything = await self._news.looks(min(due, closely))
            if everything or REGISTRY_SCHEMA in heard:
                self._taken_away.set()
            now = trio.current_time()
            everything = everything or now >= due
            if everything:
                due = now + self._interval
            chosen = [
                found
                for found in map(self._namespace, watched.followed())
                if everything
                or found.record.location in heard
                or found.record.incarnation in soon
                or found.settled.held is not None
            ]
            if chosen:
                await self._reported(self._look, watched, chosen)
            closely = now + self._patience(chosen, now)
            await trio.sleep(SPACING)

    def _patience(self, chosen: Sequence[PostgresNamespace], now: float) -> float:
        """Return seconds until the next look: soon where readers are held back since just now."""
        waits = [n.settled.held_for(now) for n in chosen if n.settled.held is not None]
        return min((max(wait / 4, SPACING) for wait in waits), default=self._interval)

    @staticmethod
    async def _reported(step: Callable[..., Awaitable[None]], *args: object) -> None:
        try:
            await step(*args)
        except MdbError as exc:
            # Nothing is lost: whatever it did not see, the next look sees.
            log.info("the database could not be polled: %s", exc)
        except Exception:
            # A fault of this program must not end the server, nor go by unseen.
            log.exception("the database could not be polled")

    async def _look(self, watched: Watched, chosen: Sequence[PostgresNamespace]) -> None:
        # One that was never looked at has no place yet to look from.
        ready = {n.record.location: n for n in chosen if n.settled.looked}
        places = [n.settled.upto for n in ready.values()]
        after = dict(zip(ready, places, strict=True))
        rows = await self._ask(_rows, list(ready), places) if ready else []
        to_look = [n for n in chosen if not n.settled.looked]
        for row in rows:
            schema = row["schema_name"]
            if schema is None:
                continue
            tail = Tail(after[schema], row["head"], row["contiguous"], row["visible"])
            settled = ready[schema].settled
            if tail.is_short:
                to_look.append(ready[schema])
            elif not settled.advance(tail):
                settled.compare(tail)
                to_look.append(ready[schema])
        for namespace in chosen:
            if namespace in to_look:
                await self._look_at(namespace)
            if namespace.settled.take_receded():
                watched.receded(namespace.record, namespace.settled.upto)
            watched.advanced(namespace.record, namespace.settled.upto)
            if namespace.settled.take_stirred():
                watched.stirred(namespace.record)

    @staticmethod
    async def _look_at(namespace: PostgresNamespace) -> None:
        with trio.move_on_after(LOOK_LIMIT) as limit:
            try:
                await namespace.look()
            except MdbError as exc:
                log.info("namespace %s could not be looked at: %s", namespace.record.id, exc)
        if limit.cancelled_caught:
            log.info("namespace %s could not be looked at in time", namespace.record.id)

    async def _revalidate(self, watched: Watched) -> None:
        digests, incarnations = watched.in_use()
        row = await self._ask(_living, list(digests), [UUID(text) for text in incarnations])
        good = {str(incarnation) for incarnation in row["incarnations"]}
        watched.revoked(set(digests) - set(row["digests"]), set(incarnations) - good)

    async def _ask(self, function: Callable[..., Row], *args: object) -> Row:
        run = partial(self._pool.run, schema=REGISTRY_SCHEMA, limit=POLL_LIMIT)
        with reading():
            return await run("read", function, *args)


async def _rows(session: Session, schemas: list[str], after: list[int]) -> Row:
    return await session.fetch(registry_query("poll"), schemas, after, WINDOW)


async def _living(session: Session, digests: list[bytes], incarnations: list[UUID]) -> Row:
    return await session.row(registry_query("living"), digests, incarnations)
