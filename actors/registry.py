"""Name -> running actor: started on first use, stopped when idle, a bounded number alive.

The whole state is `_entries` (what a key's next user gets) and the entries' own states; it is
changed in sync functions only. Tasks are started in the registry's nursery with the registry's
context variables, whoever asks: an actor outlives the request that happened to need it first.
"""

from __future__ import annotations

import contextvars
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import trio

from .errors import DeadlinePassed, Down, Overloaded, Unavailable
from .lives import Actor, Life, StartReport, State

LOGGER = logging.getLogger("actors.registry")

EXPIRE_INTERVAL = 0.25  # seconds; how late a deadline may be noticed, against waking for nothing


K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound=Actor)


@dataclass(frozen=True, slots=True)
class RegistryStatistics:
    """What `Registry.statistics` returns."""

    alive: int
    """Actors that take calls."""
    starting: int
    """Actors not ready yet, or waiting for their last life to end or for room."""
    stopping: int
    """Actors that finish what they have."""
    pinned: int
    """Actors held against idle stop."""
    started: int
    """Actors ever started."""
    gave_up: int
    """Actors that ever ended with an error after they had started."""


class Registry(Generic[K, T]):
    """Runs the actors of many names. Start `run` in a nursery, then use it from any task.

    Args:
        factory: makes the actor of a key. Sync; called in the registry's context.
        max_alive: most actors at a time, those that are starting and stopping included.
        idle_timeout: seconds without use after which an actor is stopped; it may take up to
            twice as long to be noticed.
        stop_grace: seconds an actor has to finish before it is cancelled.
        expire_grace: seconds past its deadline that a begun call waits (see `Mailbox.expire`).
        cool_down: seconds before an actor that gave up may be started anew.
        on_give_up: called, sync, with key and error when an actor ends with an error.
    """

    def __init__(
        self,
        factory: Callable[[K], T],
        *,
        max_alive: int = 1000,
        idle_timeout: float = 60.0,
        stop_grace: float = 10.0,
        expire_grace: float = 5.0,
        cool_down: float = 5.0,
        on_give_up: Callable[[K, Exception], object] | None = None,
    ) -> None:
        if max_alive < 1:
            raise ValueError(f"max_alive must be at least 1: {max_alive}")
        self._factory = factory
        self._max_alive = max_alive
        self._idle_timeout = idle_timeout
        self._stop_grace = stop_grace
        self._expire_grace = expire_grace
        self._cool_down = cool_down
        self._on_give_up = on_give_up
        self._entries: OrderedDict[K, Life[K, T]] = OrderedDict()  # least recently used first
        self._stopping: dict[Life[K, T], None] = {}  # a set; running, but not for use
        self._busy: dict[Life[K, T], None] = {}  # a set; calls may be waiting in them
        self._cooling: dict[K, float] = {}  # trio time until which it is not started anew
        self._slots = trio.Semaphore(max_alive)
        self._nursery: trio.Nursery | None = None
        self._now = trio.current_time
        self._context = contextvars.Context()
        self._closing = False
        self._nudge = trio.Event()  # wakes the reaper
        self._empty = trio.Event()  # set when closing and the last task has ended
        self._expire_at = float("inf")  # trio time of the next look at the busy ones
        self._tasks = 0  # lives that have not ended, whatever their state
        self._started = 0
        self._gave_up = 0

    # Running

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Own the actors' tasks. Returns when `close` was called and all of them have ended.

        An actor's error never ends it; only a `BaseException` that is no `Exception` does.

        Cancellation: cancels every actor; each answers what it has (see its `serve`).
        """
        if self._nursery is not None or self._closing:
            raise RuntimeError("a registry runs once")
        try:
            async with trio.open_nursery() as nursery:
                self._context = contextvars.copy_context()
                self._nursery = nursery
                # The same without its steps: each use of an actor is a look at the clock.
                self._now = trio.lowlevel.current_clock().current_time
                nursery.start_soon(self._reap)
                task_status.started()
                await self._empty.wait()
                nursery.cancel_scope.cancel()
        finally:
            self._closing = True
            self._nursery = None
            self._check_empty()

    async def close(self, grace: float | None = None) -> None:
        """Stop all actors and wait for their end; nothing can be started any more.

        They finish what they have for `grace` seconds (`stop_grace` by default), then are
        cancelled. Cancellation: stops the waiting, not the stopping.
        """
        self._closing = True
        grace = self._stop_grace if grace is None else grace
        for entry in [*self._entries.values(), *self._stopping]:
            self._stop(entry, grace)
        self._check_empty()
        if self._nursery is not None:
            await self._empty.wait()

    # Use

    def get(self, key: K) -> T | None:
        """The actor if it is alive, marked as used. Sync: the fast path of every request.

        What is put into its mailbox before the next checkpoint is answered by it.
        """
        entry = self._entries.get(key)
        if entry is None or entry.state is not State.ALIVE:
            return None
        entry.last_used = self._now()
        self._entries.move_to_end(key)
        return entry.actor

    async def obtain(self, key: K) -> T:
        """The actor, started if need be. A checkpoint only if it has to be waited for.

        Cancellation: stops the waiting, not the start.

        Raises:
            Overloaded: `max_alive` actors run and none of them is idle.
            Unavailable: the actor gave up a moment ago.
            Down: the registry is closed, or the actor was stopped while it started.
            Exception: whatever its start failed with.
        """
        while True:
            actor = self.get(key)
            if actor is not None:
                return actor
            entry = self._entries.get(key)
            if entry is None or entry.state is State.STOPPING:
                # Who is cancelled together with the registry hears that, and not `Down`.
                await trio.lowlevel.checkpoint_if_cancelled()
                entry = self._launch(key, entry)
            await entry.ready.wait()
            if entry.error is not None:
                raise entry.error.with_traceback(entry.traceback)

    async def ask(
        self, key: K, question: object, size: int = 0, deadline: float = float("inf")
    ) -> Any:  # noqa: ANN401  (the answer's type is the actor's)
        """Put a question to the actor of `key`, started if need be, and wait for the answer.

        Raises:
            DeadlinePassed: already while it started; nothing happened.
            Exception: as `obtain` and `Mailbox.ask`.
        """
        actor = self.get(key)
        if actor is None:
            with trio.move_on_at(deadline):
                actor = await self.obtain(key)
        if actor is None:
            raise DeadlinePassed
        return await actor.mailbox.ask(question, size, deadline)

    @asynccontextmanager
    async def hold(self, key: K) -> AsyncIterator[T]:
        """The actor, kept from being stopped for idleness or room while inside.

        It does not keep it from `remove`, `close`, or its own end. Raises as `obtain`.
        """
        await self.obtain(key)
        entry = self._entries[key]  # no checkpoint since it was seen alive
        actor = entry.actor
        assert actor is not None
        entry.pins += 1
        try:
            yield actor
        finally:
            entry.pins -= 1
            entry.last_used = trio.current_time()
            if self._entries.get(key) is entry:
                self._entries.move_to_end(key)

    async def remove(self, key: K) -> None:
        """Stop the actor of `key`, if there is one, and wait for its end.

        It drains for `stop_grace` seconds, then is cancelled. A later use starts it anew.
        Cancellation: stops the waiting, not the stopping.
        """
        last = self._entries.get(key)
        if last is None:
            await trio.lowlevel.checkpoint()
            return
        lives = []
        while last is not None:
            lives.append(last)
            last = last.predecessor
        for life in lives:
            self._stop(life, self._stop_grace)
        for life in lives:
            await life.gone.wait()

    # Starting and stopping

    def _launch(self, key: K, predecessor: Life[K, T] | None) -> Life[K, T]:
        if self._closing or self._nursery is None:
            raise Down("the registry is not running")
        now = trio.current_time()
        until = self._cooling.get(key, now)
        if until > now:
            raise Unavailable(
                f"the actor gave up; it may be started again in {until - now:.1f} s; "
                f"nothing was written"
            )
        if self._tasks - len(self._stopping) >= self._max_alive:
            self._make_room()
        while predecessor is not None and predecessor.actor is None:
            predecessor = predecessor.predecessor  # that one was stopped before its turn came
        entry: Life[K, T] = Life(key, predecessor)
        nursery, name = self._nursery, f"actor {key!r}"
        try:
            self._context.run(lambda: nursery.start_soon(self._live, entry, name=name))
        except RuntimeError as error:  # cancelled, it has closed, and `run` had no turn since
            raise Down("the registry is not running") from error
        self._entries[key] = entry
        self._entries.move_to_end(key)
        self._tasks += 1
        return entry

    def _make_room(self) -> None:
        for entry in self._entries.values():  # least recently used first
            if entry.is_idle():
                self._stop(entry, self._stop_grace)
                return
        raise Overloaded(f"{self._max_alive} actors run and none is idle; nothing happened")

    def _stop(self, entry: Life[K, T], grace: float) -> None:
        """Ask it to finish, and bound that. Its task does the rest."""
        entry.scope.deadline = min(entry.scope.deadline, trio.current_time() + grace)
        if entry.state is not State.STOPPING:
            entry.state = State.STOPPING
            self._stopping[entry] = None
            if entry.actor is None:
                entry.scope.cancel()  # its turn has not come
            else:
                entry.actor.mailbox.close()

    async def _live(self, entry: Life[K, T]) -> None:
        """The task of one entry: wait for its turn, run, clean up."""
        try:
            with entry.scope:
                if entry.predecessor is not None:
                    await entry.predecessor.gone.wait()
                    entry.predecessor = None  # no chain of all lives
                async with self._slots:
                    if entry.state is State.STARTING:
                        await self._serve(entry)
        except Exception as error:
            self._note_end(entry, error)
        finally:
            self._forget(entry)

    async def _serve(self, entry: Life[K, T]) -> None:
        entry.actor = actor = self._factory(entry.key)
        actor.mailbox.on_busy = partial(self._note_busy, entry)
        await actor.serve(task_status=StartReport(partial(self._note_started, entry)))

    def _note_started(self, entry: Life[K, T]) -> None:
        self._started += 1
        entry.last_used = trio.current_time()
        if entry.state is State.STARTING:
            entry.state = State.ALIVE
            self._nudge.set()
        else:  # stopped meanwhile: nobody is to get it
            entry.error = Down("the actor was stopped while it started; nothing happened")
        entry.ready.set()

    def _note_end(self, entry: Life[K, T], error: Exception) -> None:
        if not entry.ready.is_set():
            entry.error = error  # for those who wait for the start, and nobody else
            entry.traceback = error.__traceback__
            return
        self._gave_up += 1
        now = trio.current_time()
        self._cooling = {key: until for key, until in self._cooling.items() if until > now}
        self._cooling[entry.key] = now + self._cool_down
        LOGGER.critical("actor %r gave up: %r", entry.key, error, exc_info=error)
        if self._on_give_up is not None:
            try:
                self._on_give_up(entry.key, error)
            except Exception:
                LOGGER.exception("the give-up callback failed")

    def _forget(self, entry: Life[K, T]) -> None:
        if self._entries.get(entry.key) is entry:
            if entry.predecessor is None:
                del self._entries[entry.key]
            else:  # stopped before its turn: whoever comes next still has to wait for that one
                self._entries[entry.key] = entry.predecessor
        self._stopping.pop(entry, None)
        self._busy.pop(entry, None)
        entry.state = State.STOPPING
        if not entry.ready.is_set():
            entry.error = entry.error or Down()
            entry.ready.set()
        entry.gone.set()
        self._tasks -= 1
        self._check_empty()

    def _check_empty(self) -> None:
        if self._closing and not self._tasks:
            self._empty.set()

    # The reaper

    def _note_busy(self, entry: Life[K, T]) -> None:
        if not self._busy:
            self._expire_at = trio.current_time() + EXPIRE_INTERVAL
            self._nudge.set()
        self._busy[entry] = None

    async def _reap(self) -> None:
        """Expire calls while any wait, and stop what is idle; sleeps when neither is due."""
        while True:
            self._nudge = trio.Event()
            with trio.move_on_at(self._next_tick()):
                await self._nudge.wait()
                continue
            now = trio.current_time()
            if self._busy and now >= self._expire_at:
                self._expire_calls(now)
            self._stop_idle(now)

    def _expire_calls(self, now: float) -> None:
        self._expire_at = now + EXPIRE_INTERVAL
        for entry in list(self._busy):
            if entry.actor is not None:
                entry.actor.mailbox.expire(now, self._expire_grace)
                if entry.actor.mailbox.idle:
                    del self._busy[entry]

    def _next_tick(self) -> float:
        tick = self._expire_at if self._busy else float("inf")
        oldest = next(iter(self._entries.values()), None)
        if oldest is not None:
            tick = min(tick, oldest.last_used + self._idle_timeout)
        return tick

    def _stop_idle(self, now: float) -> None:
        for _ in range(len(self._entries)):
            entry = next(iter(self._entries.values()))
            if entry.last_used + self._idle_timeout > now:
                break  # those behind it were used later
            if entry.is_idle():
                self._stop(entry, self._stop_grace)
            entry.last_used = now  # pinned, busy or on its way: not looked at for a while
            self._entries.move_to_end(entry.key)

    def actors(self) -> list[T]:
        """Those that run now, the ones that finish what they have included."""
        return [e.actor for e in [*self._entries.values(), *self._stopping] if e.actor is not None]

    def statistics(self) -> RegistryStatistics:
        """The state at this moment; cost grows with the number of actors."""
        entries = list(self._entries.values())
        return RegistryStatistics(
            alive=sum(e.state is State.ALIVE for e in entries),
            starting=sum(e.state is State.STARTING for e in entries),
            stopping=len(self._stopping),
            pinned=sum(e.pins > 0 for e in entries),
            started=self._started,
            gave_up=self._gave_up,
        )

    def __repr__(self) -> str:
        return f"<Registry [{len(self._entries)} of {self._max_alive} actors]>"
