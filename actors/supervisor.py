"""One-for-one supervision of an async callable, after Erlang's restart intensity."""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

import trio

from .errors import RestartLimit

LOGGER = logging.getLogger("actors.supervisor")


class Child(Protocol):
    """What can be supervised: started as `trio.Nursery.start` starts a task."""

    def __call__(self, *, task_status: trio.TaskStatus[object]) -> Awaitable[object]: ...


class _FirstStart:
    """Passes the first `started` on; the ones of later lives are nobody's business."""

    def __init__(self, outer: trio.TaskStatus[object]) -> None:
        self._outer = outer
        self.reported = False

    def started(self, value: object = None) -> None:
        if not self.reported:
            self.reported = True
            self._outer.started(value)


def backoff_delay(
    attempt: int,
    *,
    backoff: float,
    cap: float,
    jitter: float,
    rng: Callable[[], float],
) -> float:
    """Seconds before retry number `attempt` (from 1): doubled each time, capped, then jittered.

    `jitter` is the share (0 to 1) of the delay that is random: 0.5 gives half to all of it, so
    that many actors that lost one database do not come back in step.
    """
    exponent = min(attempt - 1, 62)  # 2**62 times anything is past every cap; no overflow
    delay: float = min(cap, backoff * 2**exponent)
    return delay * (1 - jitter * rng())


async def supervise(
    child: Child,
    *,
    intensity: int = 5,
    period: float = 30.0,
    backoff: float = 0.1,
    backoff_cap: float = 5.0,
    jitter: float = 0.5,
    on_crash: Callable[[Exception], None] | None = None,
    rng: Callable[[], float] = random.random,
    task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run `child(task_status=...)`, and again after each crash. Returns when the child returns.

    Every crash is logged. A child is told apart from its start: when this function is itself run
    with `nursery.start`, an error before the child first calls `task_status.started` is raised to
    the starter at once, without a restart.

    Cancellation: goes through to the child, or ends the pause between two lives. `Cancelled` and
    every other `BaseException` that is no `Exception` is never caught.

    Args:
        intensity: crashes tolerated within `period` seconds; one more ends the supervision.
        period: seconds that a crash counts for.
        backoff: seconds before the first restart; doubled for each crash that still counts.
        backoff_cap: most seconds before a restart.
        jitter: share (0 to 1) of the pause that is random.
        on_crash: called, sync, with each error; what it raises is logged and goes no further.
        rng: numbers in [0, 1) for the jitter.

    Raises:
        RestartLimit: from the last error, when there were more crashes than tolerated.
    """
    status = _FirstStart(task_status)
    attended = task_status is not trio.TASK_STATUS_IGNORED
    crashes: deque[float] = deque()  # trio times of those that still count
    while True:
        try:
            await child(task_status=status)
        except Exception as error:
            if attended and not status.reported:
                raise
            now = trio.current_time()
            crashes.append(now)
            while crashes[0] <= now - period:
                crashes.popleft()
            _report(error, on_crash)
            if len(crashes) > intensity:
                raise RestartLimit(
                    f"crashed {len(crashes)} times within {period:g} seconds, "
                    f"last with {error!r}; it is not restarted again"
                ) from error
        else:
            return
        await trio.sleep(
            backoff_delay(len(crashes), backoff=backoff, cap=backoff_cap, jitter=jitter, rng=rng)
        )


def _report(error: Exception, on_crash: Callable[[Exception], None] | None) -> None:
    LOGGER.error("supervised task crashed: %r", error, exc_info=error)
    if on_crash is not None:
        try:
            on_crash(error)
        except Exception:
            LOGGER.exception("the crash callback failed")
