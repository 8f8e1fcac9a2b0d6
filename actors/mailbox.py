"""A bounded queue of calls for one consumer, which answers each of them.

All state changes are made in sync functions, so they are atomic without a lock; the async ones
only wait. There is no cancel scope and no task per call: a deadline is a number on the call, and
whoever owns the mailbox calls `Mailbox.expire` from time to time (`Registry` does). A cancel
scope per call costs more than everything else in a round trip together.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import trio

from .call import Call
from .errors import DeadlinePassed, Down, OutcomeUnknown, Overloaded

Q = TypeVar("Q")
A = TypeVar("A")

MAX_COUNT = 4096
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class MailboxStatistics:
    """What `Mailbox.statistics` returns: the state at this moment, and totals since it was made."""

    queued: int
    """Calls that wait to be taken."""
    queued_bytes: int
    """Their sizes together."""
    in_flight: int
    """Calls taken by the consumer and not yet resolved."""
    max_count: int
    """Bound on `queued`."""
    max_bytes: int
    """Bound on `queued_bytes`."""
    closed: bool
    """Whether further puts are refused."""
    accepted: int
    """Calls ever put."""
    overloaded: int
    """Questions ever refused because the queue was full."""
    expired: int
    """Calls ever answered because their deadline had passed."""


class Mailbox(Generic[Q, A]):
    """A bounded first-in first-out queue between any number of askers and one consumer.

    It outlives its consumer: after a crash the next one finds the queue as it was, and what had
    been taken and not answered under `in_flight`.

    Args:
        max_count: most calls that may wait, at least 1.
        max_bytes: most bytes (by the sizes given to `put`) that may wait.
    """

    def __init__(self, max_count: int = MAX_COUNT, max_bytes: int = MAX_BYTES) -> None:
        if max_count < 1 or max_bytes < 1:
            raise ValueError(f"bounds must be at least 1: {max_count=}, {max_bytes=}")
        self.max_count = max_count
        self.max_bytes = max_bytes
        self.on_busy: Callable[[], None] | None = None
        """Called, sync, when a call is put into an empty queue; must not raise."""
        self.on_woken: Callable[[], None] | None = None
        """Called, sync, when that wakes the consumer; must not raise."""
        self._queue: deque[Call[Q, A]] = deque()
        self._bytes = 0  # the sizes of what is in _queue
        self._in_flight: dict[Call[Q, A], None] = {}  # a set in the order they were taken
        self._consumer: trio.lowlevel.Task | None = None  # while it waits and was not woken
        self._woken = False  # the consumer, that has not run since
        self._ahead: list[Call[Q, A]] = []  # taken already, for the consumer that was woken
        self._closed = False
        self._refusal: Callable[[], Exception] = Down
        self._accepted = 0
        self._overloaded = 0
        self._expired = 0

    # Askers

    def put(
        self,
        question: Q,
        size: int = 0,
        deadline: float = math.inf,
        on_done: Callable[[Call[Q, A]], None] | None = None,
    ) -> Call[Q, A]:
        """Queue one question. Sync, so it is atomic.

        Args:
            question: what is asked.
            size: bytes it counts for.
            deadline: trio time after which it must not be begun.
            on_done: called, sync, with the call when it has its answer or its error, by whoever
                resolves it; saves those who need no task a task. Must not raise: what it does
                raise is logged. Nor may it put into this mailbox at once: its consumer may be in
                the middle of beginning to wait.

        Raises:
            Overloaded: the queue is full. A question larger than `max_bytes` is always refused.
            Down: the mailbox is closed (or the error that `close` was given).
        """
        queue = self._queue
        if self._closed:
            raise self._refusal()
        if len(queue) >= self.max_count or self._bytes + size > self.max_bytes:
            self._refuse_overload(1, size)
        call: Call[Q, A] = Call(question, size, deadline, self._in_flight, on_done)
        if not queue:
            self._wake()
        queue.append(call)
        self._bytes += size
        self._accepted += 1
        return call

    def put_all(
        self, items: Sequence[tuple[Q, int]], deadline: float = math.inf
    ) -> list[Call[Q, A]]:
        """Queue several (question, size) pairs together: side by side in order, all or none.

        Raises:
            Overloaded: not all of them fit.
            Down: the mailbox is closed (or the error that `close` was given).
        """
        if self._closed:
            raise self._refusal()
        size = sum(item[1] for item in items)
        if len(self._queue) + len(items) > self.max_count or self._bytes + size > self.max_bytes:
            self._refuse_overload(len(items), size)
        calls: list[Call[Q, A]] = [
            Call(question, n, deadline, self._in_flight) for question, n in items
        ]
        if calls and not self._queue:
            self._wake()
        self._queue.extend(calls)
        self._bytes += size
        self._accepted += len(calls)
        return calls

    async def ask(self, question: Q, size: int = 0, deadline: float = math.inf) -> A:
        """Queue a question and wait for its answer.

        Cancellation: abandons the answer, never the work.

        Raises:
            Overloaded, Down: as `put`.
            DeadlinePassed, OutcomeUnknown, Unavailable: as the consumer or `expire` decides.
        """
        return await self.put(question, size, deadline).wait()

    def _wake(self) -> None:
        if self._rouse() and self.on_woken is not None:
            self.on_woken()
        if self.on_busy is not None:
            self.on_busy()

    def _rouse(self) -> bool:
        if self._consumer is None:
            return False
        # From here on it is past being cancelled; one that is being cancelled waits no more.
        consumer, self._consumer = self._consumer, None
        self._woken = True
        trio.lowlevel.reschedule(consumer)
        return True

    def _refuse_overload(self, count: int, size: int) -> None:
        self._overloaded += count
        raise Overloaded(
            f"the queue is full: {len(self._queue)} of {self.max_count} calls, {self._bytes} of "
            f"{self.max_bytes} bytes, no room for {count} of {size} bytes; nothing happened"
        )

    # The consumer

    async def batch(self, max_count: int, max_bytes: int) -> list[Call[Q, A]]:
        """Wait until something is queued, and take all of it up to the bounds.

        In the order of putting, so neither large nor small calls starve: the first is taken
        whatever its size, and the batch ends before the first that does not fit. Calls past their
        deadline are answered `DeadlinePassed` and not returned. The others are marked `begun` and
        stay in `in_flight` until they are resolved or put back.

        Not a checkpoint for scheduling if something is queued (waiting a turn before each batch
        was measured to cost a third of the throughput), but always one for cancellation.

        Cancellation: takes nothing.

        Raises:
            trio.EndOfChannel: closed, and nothing is left.
            trio.BusyResourceError: another task waits here.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        while True:
            if self._ahead:
                calls, self._ahead = self._ahead, []
            else:
                calls = self._take(max_count, max_bytes)
            if calls:
                return calls
            if self._closed:
                raise trio.EndOfChannel
            if self._consumer is not None or self._woken:
                raise trio.BusyResourceError("another task waits for a batch")
            self._consumer = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._leave)
            self._woken = False

    def _leave(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._consumer = None
        return trio.lowlevel.Abort.SUCCEEDED

    def take_ahead(self, max_count: int, max_bytes: int) -> list[Call[Q, A]]:
        """Take, as `batch`, what a consumer that waits there was woken for; it gets the same list.

        Sync. Nothing if none was woken, or if it was done already. The consumer returns from its
        wait with what was taken, come what may: one that is woken can't be cancelled any more, and
        one that was cancelled before, although it has not run yet, is not woken.
        """
        if not self._woken or self._ahead:
            return []
        self._ahead = self._take(max_count, max_bytes)
        return self._ahead

    def _take(self, max_count: int, max_bytes: int) -> list[Call[Q, A]]:
        queue = self._queue
        taken: list[Call[Q, A]] = []
        room = max_bytes
        now = trio.current_time()
        while queue and len(taken) < max_count:
            call = queue[0]
            if not call.done and call.deadline > now:
                if taken and call.size > room:
                    break
                call.begun = True
                self._in_flight[call] = None
                room -= call.size
                taken.append(call)
            elif not call.done:
                self._expired += 1
                call.fail(DeadlinePassed())
            queue.popleft()
            self._bytes -= call.size
        return taken

    @property
    def in_flight(self) -> list[Call[Q, A]]:
        """Calls taken and not yet resolved, in the order they were taken."""
        return list(self._in_flight)

    @property
    def idle(self) -> bool:
        """Nothing is queued and nothing is in flight."""
        return not self._queue and not self._in_flight

    @property
    def waiting(self) -> int:
        """How many calls are queued."""
        return len(self._queue)

    def put_back(self, calls: Sequence[Call[Q, A]]) -> None:
        """Return taken calls to the head of the queue, in the order given, as not begun.

        For calls of which the consumer knows that nothing happened. The bounds are not applied
        (their place was theirs already); resolved ones are left out. Works on a closed mailbox.
        """
        back = [call for call in calls if not call.done]
        for call in back:
            call.begun = False
            self._in_flight.pop(call, None)
            self._bytes += call.size
        if back and not self._queue:
            self._wake()
        self._queue.extendleft(reversed(back))

    # The owner

    def refuse(self, error: Callable[[], Exception]) -> int:
        """Answer everything queued (not what is in flight) with an error of its own each.

        Returns: how many calls were answered.
        """
        calls, self._queue, self._bytes = self._queue, deque(), 0
        for call in calls:
            call.fail(error())
        return len(calls)

    def close(self, refusal: Callable[[], Exception] = Down) -> None:
        """Take no more calls: further puts raise `refusal()`. Sync; may be called again.

        What is queued is still delivered; then `batch` raises `trio.EndOfChannel`.
        """
        self._closed = True
        self._refusal = refusal
        self._rouse()

    def expire(self, now: float, grace: float) -> None:
        """Answer those whose time is over. Sync; cost grows with what waits, not with what was.

        Args:
            now: trio time.
            grace: seconds past its deadline that a begun call still waits for its outcome.

        Queued calls past their deadline get `DeadlinePassed` and leave the queue. Begun ones past
        deadline and grace get `OutcomeUnknown`: the work goes on and its late answer goes nowhere.
        """
        if any(call.deadline <= now for call in self._queue):
            late = [call for call in self._queue if call.deadline <= now]
            self._queue = deque(call for call in self._queue if call.deadline > now)
            for call in late:
                self._bytes -= call.size
                if not call.done:
                    self._expired += 1
                    call.fail(DeadlinePassed())
        for call in [call for call in self._in_flight if call.deadline + grace <= now]:
            self._expired += 1
            call.fail(OutcomeUnknown())

    @property
    def closed(self) -> bool:
        """Whether further puts are refused."""
        return self._closed

    def statistics(self) -> MailboxStatistics:
        """The state at this moment."""
        return MailboxStatistics(
            queued=len(self._queue),
            queued_bytes=self._bytes,
            in_flight=len(self._in_flight),
            max_count=self.max_count,
            max_bytes=self.max_bytes,
            closed=self._closed,
            accepted=self._accepted,
            overloaded=self._overloaded,
            expired=self._expired,
        )

    def __repr__(self) -> str:
        closed = ", closed" if self._closed else ""
        return (
            f"<Mailbox [{len(self._queue)} queued of {self.max_count}, "
            f"{len(self._in_flight)} in flight{closed}]>"
        )
