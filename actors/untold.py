"""Answers that are given while the store is at work on the next batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import trio

from .call import Call
from .store import Deferred

Q = TypeVar("Q")
A = TypeVar("A")

EVEN_LIMIT = 0.005  # seconds; batches whose commits take longer are not made even


class Untold(Generic[Q, A]):
    """The batch whose outcome is known and whose callers are not told yet; one at most.

    Args:
        deliver: called, sync, with its calls and answers, once; must not raise.
    """

    def __init__(
        self, deliver: Callable[[list[Call[Q, A]], Sequence[A | Deferred]], object]
    ) -> None:
        self._deliver = deliver
        self._batch: tuple[list[Call[Q, A]], Sequence[A | Deferred]] | None = None
        self._even_with: int | None = None

    def put(self, calls: list[Call[Q, A]], answers: Sequence[A | Deferred], seconds: float) -> None:
        """Keep a batch for the event loop's next turn, or the next `tell`.

        By then the consumer has handed the next batch to the store, if it does not wait before.

        Args:
            seconds: how long its commit took.
        """
        assert self._batch is None, "batches are told one after the other"
        self._batch = calls, answers
        self._even_with = len(calls) if seconds < EVEN_LIMIT else None
        trio.lowlevel.current_trio_token().run_sync_soon(self.tell)

    def tell(self) -> None:
        """Deliver now what was kept, if anything was. Sync; may be called at any time."""
        if self._batch is not None:
            (calls, answers), self._batch = self._batch, None
            self._deliver(calls, answers)

    def share(self, waiting: int) -> int:
        """How many of so many calls that wait the next batch should take.

        All of them; but two batches that take turns are made even, while their commits are short.
        One is answered, and its callers ask anew, while the other is committed: if one had nearly
        all calls, there would be next to nothing to do meanwhile.
        """
        others = self._even_with
        if self._batch is None or others is None or waiting <= others:
            return waiting
        return (waiting + others + 1) // 2
