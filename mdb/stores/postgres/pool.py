"""A bounded pool of sessions, shared by the writers and readers of all namespaces.

The state is two things: which places are taken (`Slots`), and which sessions are idle. Both are
changed in sync functions only. A session is held for the length of one call and no longer, so that
any number of namespaces get along with few of them; the one that has served a namespace before is
taken for it again where it is idle, for the sake of its prepared plans.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

import asyncpg
import trio

from mdb.stores.postgres.bridge import Bridge
from mdb.stores.postgres.connect import CONNECT_LIMIT, Connector
from mdb.stores.postgres.faults import (
    Lost,
    Refused,
    Saturated,
    leaves_connection_sound,
    one_line,
)
from mdb.stores.postgres.session import Session

T = TypeVar("T")

Kind: TypeAlias = Literal["write", "read"]

# Seconds to wait for a place: long enough for a burst, well below a request's deadline.
SLOT_LIMIT = 10.0

# Calls that may wait for a place. Each is a task that somebody holds on to already.
MAX_WAITING = 10_000

# Sessions that may be hired at a time, beyond the pool's size.
MAX_HIRED = 4

# Seconds a session gets to end in good order (its cancel request answered) before it is dropped.
CLOSE_LIMIT = 5.0


@dataclass(slots=True, eq=False)
class _Waiter:
    kind: Kind
    granted: trio.Event


class Slots:
    """Places for so many calls at a time, some of them kept free for either kind.

    A quarter is out of reach for writers and another for readers, so a flood of the one never
    keeps the other from going on. Within a kind it is first come, first served.
    """

    def __init__(self, size: int) -> None:
        """`size`: at least 2."""
        kept = max(1, size // 4)
        self._size = size
        self._most = {"write": size - kept, "read": size - kept}
        self._taken = {"write": 0, "read": 0}
        self._waiting: deque[_Waiter] = deque()

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._waiting)

    def free(self, kind: Kind) -> bool:
        """Tell whether there is a place for a call of this kind."""
        taken = self._taken
        return taken[kind] < self._most[kind] and taken["write"] + taken["read"] < self._size

    async def take(self, kind: Kind) -> None:
        """Wait for a place, at most `SLOT_LIMIT` seconds. Raises `Saturated`.

        Cancelled, it has taken none.
        """
        # Whoever waits does so because there is no place for its kind: nobody is overtaken.
        if self.free(kind):
            self._taken[kind] += 1
            return
        if len(self._waiting) >= MAX_WAITING:
            raise Saturated("too many calls wait for a database connection")
        waiter = _Waiter(kind, trio.Event())
        self._waiting.append(waiter)
        try:
            with trio.move_on_after(SLOT_LIMIT):
                await waiter.granted.wait()
                return
        except BaseException:
            self._leave(waiter)
            raise
        self._leave(waiter)
        raise Saturated(f"no database connection within {SLOT_LIMIT:g} s")

    def _leave(self, waiter: _Waiter) -> None:
        """Stop waiting; a place that was granted in the same moment goes to the next."""
        if waiter.granted.is_set():
            self.give(waiter.kind)
        else:
            self._waiting.remove(waiter)

    def give(self, kind: Kind) -> None:
        """Give a place back, to the first of those who wait for one that it can have."""
        self._taken[kind] -= 1
        for waiter in self._waiting:
            if self.free(waiter.kind):
                self._taken[waiter.kind] += 1
                self._waiting.remove(waiter)
                waiter.granted.set()
                return


class Pool:
    """Sessions for calls. `run` is all that others need."""

    def __init__(self, bridge: Bridge, connector: Connector) -> None:
        """No I/O."""
        self._bridge = bridge
        self._connector = connector
        self._slots = Slots(connector.address.pool_size)
        self._idle: list[Session] = []  # the last used is the last
        self._picked: Session | None = None  # for the `run` that follows at once
        self._open = 0
        self._hired = 0
        self._closed = False

    @property
    def open_sessions(self) -> int:
        """How many connections there are, those that are being closed included."""
        return self._open

    @property
    def waiting(self) -> int:
        """How many calls wait for a connection."""
        return self._slots.waiting

    def add(self, session: Session) -> None:
        """Take in a session that was opened elsewhere, for `run` alone from now on."""
        session.take_over()
        self._open += 1
        self._idle.append(session)

    async def run(
        self,
        kind: Kind,
        function: Callable[..., Awaitable[T]],
        *args: object,
        schema: str,
        limit: float,
    ) -> T:
        """Run `function(session, *args)`, an asyncio function, on a session of its own.

        `schema`: whose plans it uses. `limit`: seconds for the function, infinite where the caller
        has set a limit; for a place and for a connection there are limits of their own.

        Cancelled, the function is cancelled, and its session is closed once the server has heard
        of it.

        Raises `Lost`, `Saturated`, and what the function raises.
        """
        await self._slots.take(kind)
        try:
            session, self._picked = self._picked, None
            if session is None:
                session = self._pick(schema)
            if session is None:
                session = await self._connect()
                session.take_over()
        except BaseException:
            self._slots.give(kind)
            raise
        session.begun = False
        try:
            result: T = await self._bridge.run(
                _guarded, session, function, args, limit=limit, wire=session.wire
            )
        except BaseException as exc:
            if isinstance(exc, Lost) and session.closing is None:
                # Not its own time limit: the others have been idle for longer, and will fail, too.
                self._drop_idle()
            sound = not session.begun or leaves_connection_sound(exc)
            self._give_back(session, kind, sound=sound)
            raise
        session.schemas.add(schema)
        self._give_back(session, kind, sound=True)
        return result

    def begin(
        self, kind: Kind, schema: str, work: Callable[[], Coroutine[Any, Any, T]]
    ) -> Awaitable[T] | None:
        """Do what comes before the first wait of `work`, which is that of a `run`'s function.

        Sync. None where that `run`, for such a kind and schema, had to wait for a place or a
        session: nothing was done. The rest as `Bridge.begin` says.
        """
        if self._closed or not self._slots.free(kind):
            return None
        self._picked = self._pick(schema)
        if self._picked is None:
            return None
        try:
            return self._bridge.begin(work())
        finally:
            if self._picked is not None:  # the work came to no `run`
                self._idle.append(self._picked)
                self._picked = None

    async def hire(self) -> Hired:
        """Open a session for somebody's own use, to be dismissed; it takes no place of `run`.

        At most `MAX_HIRED` at a time. Raises `Lost`, `Saturated`.
        """
        if self._closed:
            raise Lost("the store is closed")
        if self._hired >= MAX_HIRED:
            raise Saturated("too many imports are under way")
        self._hired += 1
        try:
            return Hired(self, self._bridge, await self._connect())
        except BaseException:
            self._hired -= 1
            raise

    def take_back(self, session: Session) -> None:
        """Close a session that was hired."""
        self._hired -= 1
        self._drop(session)

    def _pick(self, schema: str) -> Session | None:
        """Take an idle session that is still there: one that knows the schema, else the last used.

        Looked at before anything is sent on it: a write on a dead one would be uncertain.
        """
        if self._closed:
            raise Lost("the store is closed")
        idle = self._idle
        while idle:
            for at in range(len(idle) - 1, -1, -1):
                if schema in idle[at].schemas:
                    break
            else:
                at = -1
            chosen = idle.pop(at)
            if chosen.is_there():
                return chosen
            self._drop(chosen)
        return None

    async def _connect(self) -> Session:
        session: Session | None = None
        self._open += 1
        try:
            session = await self._bridge.call(self._connector.connect, limit=CONNECT_LIMIT)
        except (Refused, asyncpg.PostgresError) as exc:
            raise Lost(one_line(exc)) from exc
        finally:
            if session is None:
                self._open -= 1
        return session

    def _give_back(self, session: Session, kind: Kind, *, sound: bool) -> None:
        if session.closing is not None:
            # It counts until the server has let go of it: the bound holds for the server, too.
            session.closing.add_done_callback(lambda _task: self._ended(kind))
            return
        usable = sound and not session.is_closed and not session.raw.is_in_transaction()
        if usable and not session.worn and not self._closed:
            self._idle.append(session)
        else:
            self._drop(session)
        self._slots.give(kind)

    def _drop_idle(self) -> None:
        idle, self._idle = self._idle, []
        for session in idle:
            self._drop(session)

    def _ended(self, kind: Kind) -> None:
        self._open -= 1
        self._slots.give(kind)

    def _drop(self, session: Session) -> None:
        session.terminate()
        self._open -= 1

    async def aclose(self) -> None:
        """Close the idle sessions; those in use follow when they are given back. Bounded."""
        self._closed = True
        idle, self._idle = self._idle, []
        self._open -= len(idle)
        with trio.move_on_after(CLOSE_LIMIT + 1, shield=True):
            await self._bridge.call(_close_all, idle, limit=CLOSE_LIMIT + 1)


class Hired:
    """A session outside of the pool's places, for one task. From `Pool.hire`."""

    def __init__(self, pool: Pool, bridge: Bridge, session: Session) -> None:
        """Made by `Pool.hire`."""
        self._pool = pool
        self._bridge = bridge
        self._session = session
        self._dismissed = False

    async def call(self, function: Callable[..., Awaitable[T]], *args: object, limit: float) -> T:
        """Run `function(session, *args)`, an asyncio function, for `limit` seconds at most.

        Cancelled, the function is cancelled, and its end is waited for. Raises `Lost`, and what
        the function raises.
        """
        return await self._bridge.call(function, self._session, *args, limit=limit)

    def dismiss(self) -> None:
        """Close the session at once, with all that is its own. May be called twice."""
        if not self._dismissed:
            self._dismissed = True
            self._pool.take_back(self._session)


async def _guarded(
    session: Session, function: Callable[..., Awaitable[T]], args: tuple[Any, ...]
) -> T:
    session.begun = True
    try:
        return await function(session, *args)
    except asyncio.CancelledError:
        # The driver has asked the server to stop; the answer to that is waited for elsewhere.
        session.give_back()
        session.closing = asyncio.get_running_loop().create_task(session.close(CLOSE_LIMIT))
        raise


async def _close_all(sessions: list[Session]) -> None:
    await asyncio.gather(*(session.close(CLOSE_LIMIT) for session in sessions))
