"""Threads that run SQLite: a bounded number of them, however many databases there are.

Each worker is an async APSW connection to an empty database, used for its thread alone: APSW's
crossing from trio costs about 60 % of `trio.to_thread`'s (91 against 155 µs on a busy two-core
machine), and a worker serves ordinary connections of any number of namespaces. Two functions
must not use one connection at the same time: who calls `run` sees to that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

import apsw
import apsw.aio
import trio

from mdb.core.errors import BackendUnavailable

T = TypeVar("T")

log = logging.getLogger("mdb.stores.sqlite")

# How long a cancelled call waits for its function to notice the interrupt, in seconds. Longer
# than any fsync of a disk that still works.
INTERRUPT_LIMIT = 10.0

# Seconds for a thread to start.
START_LIMIT = 5.0

CLOSE_LIMIT = 5.0

# How a call crosses from the event loop. Left to itself the driver finds that out anew for each
# thread, by looking at the versions of installed packages. (Its stub calls a maker a controller.)
_CONTROLLER: Final[Any] = apsw.aio.Trio


class Workers:
    """At most `count` threads, started when first needed.

    Under cancellation `run` interrupts the connection, waits for the function to end (at most
    `INTERRUPT_LIMIT` seconds), and lets `Cancelled` through: the function may have done its work.
    Raises `BackendUnavailable` where no thread could be started.
    """

    def __init__(self, count: int) -> None:
        """Make room for `count` threads; none is started yet."""
        self._places = trio.Semaphore(count)
        self._idle: list[apsw.AsyncConnection] = []
        self._all: set[apsw.AsyncConnection] = set()

    async def run(self, function: Callable[[], T], interrupt: Callable[[], None] | None) -> T:
        """Run `function` in a worker; return or raise what it does.

        `interrupt` (thread-safe) makes a running function give up soon.
        """
        try:
            # Nobody else gets a turn before the function has been handed over, if a worker is free.
            self._places.acquire_nowait()
        except trio.WouldBlock:
            await self._places.acquire()
        try:
            worker = self._idle.pop() if self._idle else await self._start()
            usable = True
            try:
                result: T = await worker.async_run(function)
            except (trio.Cancelled, trio.TooSlowError):
                if interrupt is not None:
                    interrupt()
                usable = await self._ended(worker)  # noqa: ASYNC102  (shielded and bounded there)
                raise
            else:
                return result
            finally:
                if usable:
                    self._idle.append(worker)
        finally:
            self._places.release()

    async def _start(self) -> apsw.AsyncConnection:
        # Cancelled half-way, its thread would be nobody's: it would keep the process from ending.
        with trio.move_on_after(START_LIMIT, shield=True):
            token = apsw.async_controller.set(_CONTROLLER)
            try:
                worker = await apsw.Connection.as_async(":memory:")
            finally:
                apsw.async_controller.reset(token)
            self._all.add(worker)
            return worker
        raise BackendUnavailable("a thread for the database did not start in time")

    async def _ended(self, worker: apsw.AsyncConnection) -> bool:
        # A worker's calls run first in, first out: an empty one returns when the other is over.
        with trio.move_on_after(INTERRUPT_LIMIT, shield=True):
            await worker.async_run(_nothing)
            return True
        log.error(
            "a database call did not end within %s s; its thread is given up", INTERRUPT_LIMIT
        )
        return False

    async def aclose(self) -> None:
        """End the threads. Shielded, bounded by `CLOSE_LIMIT` seconds."""
        with trio.move_on_after(CLOSE_LIMIT, shield=True) as limit:
            while self._all:
                await self._all.pop().aclose()
        if limit.cancelled_caught:
            log.error("database threads did not end within %s s", CLOSE_LIMIT)


def _nothing() -> None:
    pass
