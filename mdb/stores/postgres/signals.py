"""Telling other servers of writes, and hearing of theirs: NOTIFY and LISTEN.

Both are hints that make others look sooner than they would. Each has one connection a server,
outside of the pool. A hint is sent after the commit, by a task of its own: inside the transaction
it would halve the throughput of writers that commit at the same time, because Postgres takes one
lock of the whole instance to commit a notification.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import asyncpg
import trio

from mdb.stores.postgres.bridge import Bridge
from mdb.stores.postgres.connect import CONNECT_LIMIT, Connector
from mdb.stores.postgres.faults import Lost, Refused, one_line
from mdb.stores.postgres.news import News
from mdb.stores.postgres.session import Driver, Session
from mdb.stores.postgres.sql import registry_query

log = logging.getLogger("mdb.stores.postgres.signals")

CHANNEL = "mdb"

# Least seconds between two notifications of this server: what is written meanwhile goes into one.
# A notification costs this server and the database about as much as a write.
SPACING = 0.02

# Seconds for one notification, and for the answer to a ping.
TELL_LIMIT = 5.0

# Seconds after which a silent connection is asked whether it is still there.
PING_EVERY = 30.0

# Seconds between attempts to connect: first, and at most.
RETRY_FIRST = 0.1
RETRY_CAP = 5.0

_FAULTS = (Lost, Refused, asyncpg.PostgresError)


class Backoff:
    """Growing pauses between attempts. Reset by a success."""

    def __init__(self) -> None:
        """The first pause is the shortest."""
        self._next = RETRY_FIRST

    def reset(self) -> None:
        """Begin anew."""
        self._next = RETRY_FIRST

    async def pause(self) -> None:
        """Wait, longer each time."""
        pause, self._next = self._next, min(self._next * 2, RETRY_CAP)
        await trio.sleep(pause)


class Notifier:
    """Tells other servers. `pid`: its session with the database, None where it has none."""

    def __init__(self, bridge: Bridge, connector: Connector, news: News) -> None:
        """No I/O."""
        self.pid: int | None = None
        self._bridge = bridge
        self._connector = connector
        self._news = news

    async def run(self) -> None:
        """Tell what there is to tell, until cancelled.

        While the database can't be reached it keeps what it has to tell, merged.
        """
        session: Session | None = None
        backoff = Backoff()
        try:
            while True:
                names = await self._news.untold()
                try:
                    if session is None:
                        session = await self._connect()
                    await self._bridge.run(_tell, session, names, limit=TELL_LIMIT)
                    backoff.reset()
                    await trio.sleep(SPACING)
                except _FAULTS as exc:
                    log.info("other servers cannot be told of writes now: %s", one_line(exc))
                    self._drop(session)
                    session = None
                    for name in names:
                        self._news.tell(name)
                    await backoff.pause()
        finally:
            self._drop(session)

    async def _connect(self) -> Session:
        session = await self._bridge.call(self._connector.connect, limit=CONNECT_LIMIT)
        self.pid = None if session.id is None else session.id.pid
        return session

    def _drop(self, session: Session | None) -> None:
        self.pid = None
        if session is not None:
            session.terminate()


async def _tell(session: Session, names: list[str]) -> None:
    await session.fetch(registry_query("notify_apart"), names)


class Listener:
    """Hears other servers. `connected`: whether it would hear them now."""

    def __init__(
        self, bridge: Bridge, connector: Connector, news: News, own: Callable[[], int | None]
    ) -> None:
        """`own`: the pid of this server's notifier, which need not be heard."""
        self.connected = False
        self._bridge = bridge
        self._connector = connector
        self._news = news
        self._own = own

    async def run(self) -> None:
        """Listen until cancelled; after a loss connect again, and have everything looked at."""
        backoff = Backoff()
        while True:
            try:
                raw, lost = await self._connect()
            except _FAULTS as exc:
                log.info("other servers' writes are found by polling alone: %s", one_line(exc))
                await backoff.pause()
                continue
            try:
                self.connected = True
                # What was notified while nobody listened is lost.
                self._news.look_at_everything()
                backoff.reset()
                await self._until_lost(raw, lost)
            finally:
                self.connected = False
                raw.terminate()
            log.info("the connection that hears of other servers' writes was lost")
            await backoff.pause()

    async def _connect(self) -> tuple[Driver, trio.Event]:
        return await self._bridge.call(self._listen, limit=CONNECT_LIMIT)

    async def _listen(self) -> tuple[Driver, trio.Event]:
        # The same judgement of the server as for any connection: a standby tells of nothing.
        session = await self._connector.connect()
        raw = session.raw
        lost = trio.Event()
        try:
            raw.add_termination_listener(lambda _raw: lost.set())
            await raw.add_listener(CHANNEL, self._hear)
        except BaseException:
            raw.terminate()
            raise
        return raw, lost

    def _hear(self, _raw: Driver, pid: int, _channel: str, payload: object) -> None:
        if pid != self._own():
            self._news.hear(str(payload))

    async def _until_lost(self, raw: Driver, lost: trio.Event) -> None:
        # A connection may be cut without a word: only a question shows it.
        while not lost.is_set():
            with trio.move_on_after(PING_EVERY):
                await lost.wait()
                return
            try:
                await self._bridge.call(_ping, raw, limit=TELL_LIMIT)
            except _FAULTS:
                return


async def _ping(raw: Driver) -> None:
    await raw.execute("select 1")
