"""Answers that are given while the store is at work on the next batch."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Sequence
from types import coroutine
from typing import Any, Generic, TypeVar

from .call import Call
from .store import Deferred

Q = TypeVar("Q")
A = TypeVar("A")
T = TypeVar("T")

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
        """Keep a batch until `tell`, which the consumer's next wait calls, see `before_waits`.

        By then it has handed the next batch to the store, if it does not wait for that.

        Args:
            seconds: how long its commit took.
        """
        assert self._batch is None, "batches are told one after the other"
        self._batch = calls, answers
        self._even_with = len(calls) if seconds < EVEN_LIMIT else None

    @coroutine
    def before_waits(self, work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        """Await the consumer's `work`; tell what was kept in the moment before each of its waits.

        Nothing is added to the work: a turn of the event loop, in which the answers were given by
        another task, would cost as much as some of them.
        """
        proceed: Callable[[Any], Any] = work.send
        value: Any = None
        while True:
            try:
                wanted = proceed(value)
            except StopIteration as end:
                result: T = end.value
                return result
            self.tell()
            try:
                value = yield wanted
                proceed = work.send
            except BaseException as error:  # noqa: ASYNC103  (raised in the work)
                value = error
                proceed = work.throw

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
