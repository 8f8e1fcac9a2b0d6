"""A head start: a batch is handed to the store before the actor's task has its turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

from .call import Call
from .store import Deferred, StoreFault

Q = TypeVar("Q")
A = TypeVar("A")

Begin: TypeAlias = Callable[[Sequence[Q]], Awaitable[Sequence[A | Deferred]] | None]


class Early(Generic[Q, A]):
    """The commit that was begun for an actor in the task that woke it; one at most.

    A turn of the loop lies between a question that comes in and the actor's task; for a lone
    caller that is a good part of the latency.

    Args:
        begin: as `Store.commit`, but sync: begins, and returns what is to be awaited once for
            the outcome, in the actor's task. None where it had to wait first, and nothing was done.
            What the commit ends with is raised where that is awaited; what this raises itself is a
            `StoreFault`, because nobody knows what was done.
    """

    def __init__(self, begin: Begin[Q, A]) -> None:
        self._begin = begin
        self._begun: tuple[list[Call[Q, A]], Awaitable[Sequence[A | Deferred]]] | None = None

    def begin(self, calls: list[Call[Q, A]]) -> None:
        """Begin to commit calls, which the actor's task goes on with next; never raises."""
        try:
            outcome = self._begin([call.question for call in calls])
        except Exception as error:
            outcome = _fail(error)
        if outcome is not None:
            self._begun = calls, outcome

    def outcome(self, calls: list[Call[Q, A]]) -> Awaitable[Sequence[A | Deferred]] | None:
        """Return what is to be awaited for the calls; None if their commit was not begun."""
        if self._begun is None:
            return None
        (begun, outcome), self._begun = self._begun, None
        if begun is not calls:
            raise StoreFault("a commit was begun whose outcome nobody waits for")
        return outcome


async def _fail(error: Exception) -> Sequence[A | Deferred]:
    raise StoreFault(f"a commit failed to begin: {error!r}") from error
