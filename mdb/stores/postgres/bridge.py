"""The only crossing from trio to asyncio, where the driver lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import trio_asyncio

from mdb.stores.postgres.driven import DirectFuture, drive, until_done
from mdb.stores.postgres.faults import Lost, is_lost, one_line
from mdb.stores.postgres.handover import Begun, handed_over
from mdb.stores.postgres.wire import Wire

T = TypeVar("T")

log = logging.getLogger("mdb.stores.postgres.bridge")


class Bridge:
    """Runs asyncio functions for trio tasks. Get one from `open_bridge`.

    The tasks may have been started anywhere, also outside of the block that opened the bridge: the
    loop is named at each call and not looked for in the task's context.
    """

    def __init__(self, loop: trio_asyncio.BaseTrioEventLoop) -> None:
        """`loop`: a running loop of trio_asyncio."""
        self._loop = loop
        self._beginning = False

    async def call(self, function: Callable[..., Awaitable[T]], *args: object, limit: float) -> T:
        """Run one asyncio function, for `limit` seconds at most; a whole transaction is one call.

        Cancelled, the function is cancelled and its end is waited for; where it ends with a value
        all the same, that is returned. In a scope that is cancelled already it does not begin.

        Raises `Lost` for whatever says that the connection is gone, asyncio's own cancellation
        included, which no supervisor would catch; other errors of the driver as they are.
        """
        with _Translated():
            run = trio_asyncio.aio_as_trio(_limited, loop=self._loop)
            result: T = await run(function, args, limit)
        return result

    async def run(
        self,
        function: Callable[..., Coroutine[Any, Any, T]],
        *args: object,
        limit: float,
        wire: Wire | None = None,
    ) -> T:
        """Do as `call`, at a fraction of its cost, for a function that only runs statements.

        Such a function awaits the driver's futures and no time or task of asyncio's (see `drive`);
        in a scope that is cancelled already it begins, and is cancelled at its first wait. `limit`:
        infinite where the caller has set one. `wire`: of the connection that it uses, if that was
        taken over.
        """
        wait = until_done if wire is None else wire.until_done
        if self._beginning:
            # Whoever begins it names the loop, and so does whoever goes on with it.
            self._beginning = False
            with _Translated():
                return await drive(function(*args), limit, handed_over(wait))
        context = trio_asyncio.current_loop.set(self._loop)
        try:
            with _Translated():
                return await drive(function(*args), limit, wait)
        finally:
            trio_asyncio.current_loop.reset(context)

    def begin(self, work: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """Do the first part of some work in the caller's task: until a `run` in it has to wait.

        Sync. `work` calls `run`, with no time limit, before it waits for anything of trio's, and
        enters no cancel scope before. The rest is done by the task that awaits what is returned,
        as it must, once; what the work ends with is raised there, also if that was at once.
        """
        context = trio_asyncio.current_loop.set(self._loop)
        self._beginning = True
        try:
            begun = Begun(work)
        finally:
            self._beginning = False
            trio_asyncio.current_loop.reset(context)
        return self._rest(begun)

    async def _rest(self, begun: Begun[T]) -> T:
        context = trio_asyncio.current_loop.set(self._loop)
        try:
            return await begun.rest()
        finally:
            trio_asyncio.current_loop.reset(context)


class _Translated:
    """Makes `Lost` of what stands for it on the other side; trio's `Cancelled` goes through."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, exc: BaseException | None, _traceback: object) -> None:
        if isinstance(exc, asyncio.CancelledError):
            raise Lost("the call was ended with its event loop") from exc
        if exc is not None and is_lost(exc):
            raise Lost(one_line(exc)) from exc


async def _limited(function: Callable[..., Awaitable[T]], args: tuple[Any, ...], limit: float) -> T:
    async with asyncio.timeout(limit):
        return await function(*args)


def _note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what nobody waited for: by default it would end everything that runs on the loop.

    The driver leaves such things behind. A connection that breaks while it is being opened by a
    call that was cancelled is one: the future that it told of the break has no reader any more.
    """
    error = context.get("exception")
    if error is not None and not isinstance(error, Exception):
        loop.default_exception_handler(context)
    else:
        log.info("the driver left an error behind: %s", context.get("message"), exc_info=error)


@asynccontextmanager
async def open_bridge() -> AsyncGenerator[Bridge]:
    """Run an asyncio loop under trio for as long as the block runs.

    Whatever uses the bridge must have ended before the block does. The caller's own current loop,
    if it has one, stays what it was inside the block: the program may use trio_asyncio, too. An
    error of the block leaves as it is, not in a group.
    """
    failure: Exception | None = None
    callers = trio_asyncio.current_loop.get()
    async with trio_asyncio.open_loop() as loop:
        trio_asyncio.current_loop.set(callers)
        loop.set_exception_handler(_note)
        loop.create_future = partial(DirectFuture, loop=loop)
        try:
            yield Bridge(loop)
        except Exception as exc:
            # Raised outside of the loop's nurseries, which would wrap it once each.
            failure = exc
        finally:
            trio_asyncio.current_loop.set(loop)
    if failure is not None:
        raise failure
