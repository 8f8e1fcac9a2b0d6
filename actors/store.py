"""What a group-commit actor needs of a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, TypeVar, final

Q_contra = TypeVar("Q_contra", contravariant=True)
A_co = TypeVar("A_co", covariant=True)


class StoreFault(RuntimeError):
    """A store broke the rules of `Store`; the actor crashes, and asks what became of the calls."""


def check_length(what: str, answers: Sequence[object], calls: Sequence[object]) -> None:
    """Raise `StoreFault` unless there is one answer a call: whose is whose cannot be known."""
    if len(answers) != len(calls):
        raise StoreFault(f"{what} gave {len(answers)} answers to {len(calls)} questions")


@final
class Deferred:
    """In place of an answer: not written, put it back at the head of the queue and try again.

    For a question that met a lock which somebody else holds, when the others of its batch went
    through: waiting while holding locks is what makes deadlocks.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "DEFERRED"


DEFERRED: Final = Deferred()


class Store(Protocol[Q_contra, A_co]):
    """The write side of some database, used by one task at a time.

    Errors are told apart by what they mean for the data, so a store translates every error of
    its driver at this boundary. Nothing here may raise a `BaseException` that is no `Exception`,
    except `trio.Cancelled` (the `CancelledError` of asyncio is one, and would pass every
    supervisor).
    """

    async def open(self) -> None:
        """Connect, or connect anew: what was open before is dropped first, whatever its state.

        Called at the start and after every fault; also after `close`. May be cancelled.

        Raises:
            Unavailable: the database cannot be reached.
        """
        ...

    async def commit(self, questions: Sequence[Q_contra]) -> Sequence[A_co | Deferred]:
        """Write all of them in one transaction; one answer each, in order.

        A checkpoint. A question that is refused for a reason of its own (a wrong version) has
        that as its answer, and the others are written. Runs shielded; it is cancelled only when
        the actor's time limit for it is over.

        Raises:
            Unavailable: nothing was written, nor will be.
            OutcomeUnknown: they may stand, or come to stand.
            Exception: any other means that the transaction was rolled back because of what is
                in it.
        """
        ...

    async def settle(self, questions: Sequence[Q_contra]) -> Sequence[A_co | None]:
        """Find out what became of questions whose commit broke off; one finding each, in order.

        Called on a freshly opened store. The old transaction may still be running: it must be
        waited for, or made impossible, before the look. The answer of one that was written is
        what `commit` would have returned; `None`: it was not written and never will be (so
        `None` cannot be an answer).

        Raises:
            Unavailable: it cannot be found out now.
        """
        ...

    async def release(self) -> None:
        """Give back what is costly to hold (a pooled connection) while there is no work.

        The next `commit` takes it again by itself. May do nothing.
        """
        ...

    async def close(self) -> None:
        """Close. Called once at the end of every life of the actor, also when `open` failed.

        Runs shielded within the actor's time limit for it; should bound itself below that.
        """
        ...
