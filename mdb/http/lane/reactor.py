"""Waiting for the next requests of many connections, and the few that are answered right there.

A task that waits for its own socket costs two switches and a system call for each request: as much
as all that a write needs of Python besides. So the connections' tasks wait here, for all sockets
together, by one epoll that stays as it is from request to request. What a socket has is read and
looked at in the one task of the reactor; a connection's own task is woken only for what takes more
than putting a call into a queue.
"""

from __future__ import annotations

import math
import os
import select
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Final, Generic, TypeVar

import trio

from mdb.http.connection import RECEIVE_SIZE, Connection, Woken

T = TypeVar("T")

# Sockets that are looked at before other tasks get their turn.
_AT_ONCE: Final = 64


class Reactor:
    """One epoll for all connections that wait; needs Linux (see `available`).

    A context manager: at its end the epoll is closed.
    """

    available: Final = hasattr(select, "epoll")

    def __init__(self, sweep: AbstractContextManager[object] | None = None) -> None:
        """Open the epoll. ``sweep``: entered while the requests of one turn are looked at."""
        self._sweep = sweep or nullcontext()
        self._epoll = select.epoll()
        self._seats: dict[int, Seat[object]] = {}

    def __enter__(self) -> Reactor:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the epoll; nobody may wait any more."""
        self._epoll.close()

    async def run(self) -> None:
        """Serve those who wait, until cancelled."""
        seats = self._seats
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            with self._sweep:
                for descriptor, _ in self._epoll.poll(0, _AT_ONCE):
                    seat = seats.get(descriptor)
                    if seat is not None:
                        seat.ready()

    def arm(self, descriptor: int, seat: Seat[object]) -> None:
        """Look at a socket from now on."""
        self._epoll.register(descriptor, select.EPOLLIN)
        self._seats[descriptor] = seat

    def disarm(self, descriptor: int, seat: Seat[object]) -> None:
        """Look at it no more."""
        if self._seats.get(descriptor) is not seat:
            return  # it was closed, and its number is another's by now
        del self._seats[descriptor]
        with suppress(OSError):  # closing took it out of the epoll
            self._epoll.unregister(descriptor)


class Seat(Generic[T]):
    """Where the task of one connection waits for what is handed to it.

    What the client sends is given to ``take``, sync, which either hands something to the task, or
    holds the seat: then nothing more is read until `resume`. Its errors are the task's.
    """

    __slots__ = (
        "_armed",
        "_connection",
        "_error",
        "_handed",
        "_held",
        "_reactor",
        "_take",
        "_task",
    )

    _handed: T  # with the task's waking

    def __init__(
        self, reactor: Reactor, connection: Connection, take: Callable[[bytes], None]
    ) -> None:
        self._reactor = reactor
        self._connection = connection
        self._take = take
        self._task: trio.lowlevel.Task | None = None
        self._error: Exception | None = None
        self._held = False
        self._armed = -1  # the descriptor that the reactor looks at

    @property
    def occupied(self) -> bool:
        """Whether the task waits here, and was not handed anything yet."""
        return self._task is not None

    async def wait(self, deadline: float) -> T:
        """Wait until something is handed over; the client has the deadline for its next request.

        Raises:
            Woken: The deadline has passed, or draining has begun.
            trio.BrokenResourceError, trio.ClosedResourceError: The connection is lost.

        Cancellation leaves what was taken to whoever has it.
        """
        connection = self._connection
        self._task = trio.lowlevel.current_task()
        connection.wake_waiter = self.fail
        try:
            self.resume(deadline)
            await trio.lowlevel.wait_task_rescheduled(self._leave)
            if self._error is not None:
                raise self._error
        finally:
            self._task = None
            self._error = None
            connection.wake_waiter = None
            self.hold()
        if connection.expired:
            raise Woken
        value = self._handed
        del self._handed  # it may be large, and the next one may be long in coming
        return value

    def _leave(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def hold(self) -> None:
        """Read nothing, and let the client take no blame for the time that passes."""
        self._held = True
        connection = self._connection
        connection.reading = connection.idle = False
        connection.deadline = math.inf

    def resume(self, deadline: float) -> None:
        """Wait for the client's next request, by trio's clock until ``deadline``."""
        self._held = False
        connection = self._connection
        connection.deadline = deadline
        connection.reading = connection.idle = True
        if self._armed < 0:
            self._armed = connection.descriptor
            self._reactor.arm(self._armed, self)  # type: ignore[arg-type]

    def hand(self, value: T) -> None:
        """Wake the task with something. Whoever is handed something twice gets the first."""
        if self._task is not None:
            self._handed = value
            self._wake(self._task)

    def fail(self, error: Exception) -> None:
        """Raise an error in the task, unless it was handed something."""
        if self._task is not None:
            self._error = error
            self._wake(self._task)

    def _wake(self, task: trio.lowlevel.Task) -> None:
        self._task = None
        trio.lowlevel.reschedule(task)

    def ready(self) -> None:
        """Read what the socket has; the reactor's."""
        if self._held or self._task is None:
            # A client that sends before it has its answer, or a task that sees to it itself.
            self.release()
            return
        try:
            data = os.read(self._connection.descriptor, RECEIVE_SIZE)
            self._take(data)
        except BlockingIOError:
            return  # what woke it is gone
        except OSError as error:
            self.fail(trio.BrokenResourceError(f"the connection is lost: {error}"))
        except Exception as error:
            self.fail(error)

    def release(self) -> None:
        """Take the socket out of the reactor's sight, until the next wait."""
        if self._armed >= 0:
            self._reactor.disarm(self._armed, self)  # type: ignore[arg-type]
            self._armed = -1
