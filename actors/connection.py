"""A store and what is known of its being reachable: time limits, and pauses between tries."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import trio

from .errors import Unavailable
from .settings import GroupCommitSettings
from .store import Store
from .supervisor import backoff_delay

Q = TypeVar("Q")
A = TypeVar("A")


class Connection(Generic[Q, A]):
    """Opens, releases and closes a store within time limits; remembers when to try again.

    Args:
        report: called with a sentence and the error, for every failure that is not raised.
        rng: numbers in [0, 1) for the jitter.
    """

    def __init__(
        self,
        store: Store[Q, A],
        settings: GroupCommitSettings,
        report: Callable[[str, Exception], None],
        rng: Callable[[], float],
    ) -> None:
        self.store = store
        self.is_open = False
        """Whether it was reachable when last used."""
        self.opens = 0
        """Times it was opened, or tried to."""
        self.down_reason = ""
        """Why it could not be reached the last time."""
        self._settings = settings
        self._report = report
        self._rng = rng
        self._failures = 0  # tries that failed since it last worked
        self._retry_at = -math.inf  # trio time; before it, it is not tried

    async def open(self) -> None:
        """Open it (anew), whether or not a pause is over.

        Cancellation: goes through to the store, which has written nothing yet.

        Raises:
            Unavailable: it cannot be reached, or not in time; or whatever else it raises.
        """
        limit = self._settings.open_timeout
        self.is_open = False
        self.opens += 1
        try:
            with trio.fail_after(limit):
                await self.store.open()
                self.is_open = True
        except trio.TooSlowError as error:
            raise Unavailable(
                f"the store did not open within {limit:g} s; nothing was written"
            ) from error

    async def reopen(self) -> bool:
        """Open it, unless that failed a moment ago. Returns whether it is open."""
        if trio.current_time() < self._retry_at:
            return False
        try:
            await self.open()
        except Unavailable as error:
            self.note_down(error)
            return False
        return True

    def note_down(self, error: Exception) -> None:
        """It could not be reached: not to be tried again before a pause."""
        self.is_open = False
        self._failures += 1
        self._retry_at = trio.current_time() + self.delay(self._failures)
        self.down_reason = str(error)
        self._report("the store cannot be reached", error)

    def note_up(self) -> None:
        """It did its work: the next fault is the first again."""
        self._failures = 0
        self._retry_at = -math.inf

    def delay(self, attempt: int) -> float:
        """Seconds to pause after the failed try number `attempt`, from 1."""
        s = self._settings
        return backoff_delay(
            attempt, backoff=s.backoff, cap=s.backoff_cap, jitter=s.jitter, rng=self._rng
        )

    async def release(self) -> None:
        """Let it give back what is costly to hold. After a failure it is opened anew for work."""
        if self.is_open and not await self._bounded("release", self.store.release):
            self.is_open = False

    async def close(self) -> None:
        """Close it. Never raises but `trio.Cancelled`; not interrupted before its time limit."""
        self.is_open = False
        await self._bounded("close", self.store.close)

    async def _bounded(self, what: str, step: Callable[[], Awaitable[None]]) -> bool:
        limit = self._settings.close_timeout
        try:
            with trio.fail_after(limit, shield=True):
                await step()
        except Exception as error:
            self._report(f"the store failed to {what} (allowed {limit:g} s)", error)
            return False
        return True
