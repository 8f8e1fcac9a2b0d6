"""Work that one task begins and another ends: begun as far as its first wait, which is the other's.

Until then it awaits nothing of trio's, which would take the task that begins for the one to wake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from types import coroutine
from typing import Any, Final, Generic, NoReturn, TypeVar

from mdb.stores.postgres.driven import Wait, raise_it

T = TypeVar("T")

# What the work says when it waits for the first time.
_HANDED_OVER: Final = object()


@coroutine
def _hand_over() -> Generator[object, None, None]:
    yield _HANDED_OVER


@coroutine
def _all_of(work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
    # Of this kind, and not a coroutine: one that is under way can be awaited.
    return (yield from work.__await__())


def handed_over(wait: Wait) -> Wait:
    """Return what waits as `wait` does, but from the second task on; for a work's first wait."""
    handed = False

    async def wait_elsewhere(future: asyncio.Future[Any]) -> Callable[[], NoReturn] | None:
        nonlocal handed
        if not handed:
            handed = True
            await _hand_over()
        return await wait(future)

    return wait_elsewhere


class Begun(Generic[T]):
    """Work that was begun, and what it came to if it has ended already."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        """Begin it. What it raises is kept for whoever awaits the rest."""
        self._work = _all_of(work)
        self._ended: Callable[[], T] | None = None
        try:
            said = self._work.send(None)
        except StopIteration as end:
            value: T = end.value
            self._ended = lambda: value
        except Exception as exc:
            self._ended = partial(raise_it, exc)
        else:
            if said is not _HANDED_OVER:
                self._work.close()
                raise RuntimeError("work that was begun has waited for something of trio's")

    async def rest(self) -> T:
        """Go on with it, in the task that calls; once."""
        if self._ended is not None:
            return self._ended()
        return await self._work
