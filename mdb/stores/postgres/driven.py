"""Running the driver's coroutines in a trio task, without a task of asyncio's around each.

A call through a task of asyncio's costs four or five turns of the guest loop, some 60 µs each: to
begin, to be woken, to end, and for its timer. But what the driver's statements wait for are bare
futures, and those a trio task can wait for itself; and where the loop makes futures that wake their
waiter at once (`DirectFuture`), the end of one takes no turn at all.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from functools import partial
from typing import Any, NoReturn, TypeAlias, TypeVar

import trio
from asyncpg.protocol import Protocol

T = TypeVar("T")

# Seconds that a cancelled call gets to clean up before what it waits for is cancelled, too.
CLEAN_UP_LIMIT = 5.0


# Waits for a future; cancelled, cancels it, and returns what raises trio's `Cancelled`.
Wait: TypeAlias = Callable[[asyncio.Future[Any]], Awaitable[Callable[[], NoReturn] | None]]


class DirectFuture(asyncio.Future[Any]):
    """A future that also wakes one trio task, in the moment it is done and not a turn later.

    The driver's protocol, which asks to be called when its own future is done, is called at once,
    too; of a cancellation it is told in a turn of the loop, as ever.
    """

    wake: Callable[[], None] | None = None
    _at_once: Callable[[DirectFuture], object] | None = None

    def add_done_callback(
        self, fn: Callable[[DirectFuture], object], /, *, context: Context | None = None
    ) -> None:
        """See `asyncio.Future`."""
        of_driver = isinstance(getattr(fn, "__self__", None), Protocol)
        if of_driver and self._at_once is None and not self.done():
            self._at_once = fn
        else:
            super().add_done_callback(fn, context=context)

    def set_result(self, result: object) -> None:
        """See `asyncio.Future`."""
        super().set_result(result)
        self._tell()

    def set_exception(self, exception: type[BaseException] | BaseException) -> None:
        """See `asyncio.Future`."""
        super().set_exception(exception)
        self._tell()

    def cancel(self, msg: object = None) -> bool:
        """See `asyncio.Future`."""
        told, self._at_once = self._at_once, None
        if told is not None:
            super().add_done_callback(told)
        cancelled = super().cancel(msg)
        self._tell()
        return cancelled

    def _tell(self) -> None:
        if self._at_once is not None:
            told, self._at_once = self._at_once, None
            told(self)
        if self.wake is not None:
            wake, self.wake = self.wake, None
            wake()


async def until_done(future: asyncio.Future[Any]) -> Callable[[], NoReturn] | None:
    """Wait for a future; once cancelled, cancel it, and return what raises trio's `Cancelled`."""
    task = trio.lowlevel.current_task()
    cancel: Callable[[], NoReturn] | None = None

    def abort(raise_cancel: Callable[[], NoReturn]) -> trio.lowlevel.Abort:
        nonlocal cancel
        cancel = raise_cancel
        future.cancel()
        return trio.lowlevel.Abort.FAILED

    if isinstance(future, DirectFuture) and not future.done():
        future.wake = partial(trio.lowlevel.reschedule, task)
    else:
        future.add_done_callback(lambda _future: trio.lowlevel.reschedule(task))
    await trio.lowlevel.wait_task_rescheduled(abort)
    return cancel


async def drive(
    coroutine: Coroutine[Any, Any, T], limit: float = math.inf, wait: Wait = until_done
) -> T:
    """Run a coroutine that awaits nothing but asyncio's futures, for `limit` seconds at most.

    `limit`: infinite where the caller has set one. `wait`: waits for each of the futures, as
    `until_done` does. The coroutine has no asyncio task, so whatever asks for the current one
    (`asyncio.timeout`) is refused. Called where trio_asyncio's loop is the current one.

    Cancelled, or past the limit, what it waits for is cancelled and its own end is waited for;
    where it ends with a value all the same, that is returned. Begun within a scope that is
    cancelled already, it goes as far as its first wait.

    Raises `TimeoutError` past the limit, and what the coroutine raises.
    """
    if limit == math.inf:
        return await _drive(coroutine, wait)
    with trio.move_on_after(limit):
        return await _drive(coroutine, wait)
    raise TimeoutError


async def _drive(coroutine: Coroutine[Any, Any, T], wait: Wait) -> T:
    cancel: Callable[[], NoReturn] | None = None
    while True:
        try:
            future = coroutine.send(None)
        except StopIteration as end:
            value: T = end.value
            return value
        except asyncio.CancelledError:  # noqa: ASYNC103  (`cancel` raises trio's)
            if cancel is None:
                raise
            cancel()
        # What a task of asyncio's would do: the driver's futures are awaited, not iterated.
        future._asyncio_future_blocking = False
        if cancel is None:
            cancel = await wait(future)
        else:
            deadline = trio.current_time() + CLEAN_UP_LIMIT
            with trio.CancelScope(shield=True, deadline=deadline):
                await wait(future)


def raise_it(error: BaseException) -> NoReturn:
    """Raise an error that was caught."""
    raise error
