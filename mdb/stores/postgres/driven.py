"""Running the driver's coroutines in a trio task, without a task of asyncio's around each.

A call through a task of asyncio's costs four or five turns of the guest loop, some 60 µs each: to
begin, to be woken, to end, and for its timer. But what the driver's statements wait for are bare
futures, and those a trio task can wait for itself; and where the loop makes futures that wake their
waiter at once (`DirectFuture`), it takes no turn at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NoReturn, TypeVar

import trio

T = TypeVar("T")

# Seconds that a cancelled call gets to clean up before what it waits for is cancelled, too.
CLEAN_UP_LIMIT = 5.0


class DirectFuture(asyncio.Future[Any]):
    """A future that also wakes one trio task, in the moment it is done and not a turn later."""

    wake: Callable[[], None] | None = None

    def set_result(self, result: object) -> None:
        """See `asyncio.Future`."""
        super().set_result(result)
        self._wake()

    def set_exception(self, exception: type[BaseException] | BaseException) -> None:
        """See `asyncio.Future`."""
        super().set_exception(exception)
        self._wake()

    def cancel(self, msg: object = None) -> bool:
        """See `asyncio.Future`."""
        cancelled = super().cancel(msg)
        self._wake()
        return cancelled

    def _wake(self) -> None:
        if self.wake is not None:
            wake, self.wake = self.wake, None
            wake()


async def drive(coroutine: Coroutine[Any, Any, T], limit: float) -> T:
    """Run a coroutine that awaits nothing but asyncio's futures, for `limit` seconds at most.

    It has no asyncio task, so whatever asks for the current one (`asyncio.timeout`) is refused.
    Called where trio_asyncio's loop is the current one.

    Cancelled, or past the limit, what it waits for is cancelled and its own end is waited for;
    where it ends with a value all the same, that is returned. Begun within a scope that is
    cancelled already, it goes as far as its first wait.

    Raises `TimeoutError` past the limit, and what the coroutine raises.
    """
    with trio.move_on_after(limit):
        return await _drive(coroutine)
    raise TimeoutError


async def _drive(coroutine: Coroutine[Any, Any, T]) -> T:
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
            cancel = await _until_done(future)
        else:
            deadline = trio.current_time() + CLEAN_UP_LIMIT
            with trio.CancelScope(shield=True, deadline=deadline):
                await _until_done(future)


async def _until_done(future: asyncio.Future[Any]) -> Callable[[], NoReturn] | None:
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
