"""A question on its way through a mailbox, and how whoever asked learns of its answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic, TypeVar

import trio

Q = TypeVar("Q")
A = TypeVar("A")

LOGGER = logging.getLogger("actors.call")


class Call(Generic[Q, A]):
    """One question on its way to an answer. Made by `Mailbox.put`, never by hand.

    The first resolution (`answer` or `fail`) wins and later ones do nothing, so answering a call
    that has expired, or that nobody waits for any more, is harmless.

    Attributes:
        question: what is asked.
        size: bytes it counts for against the mailbox's bound.
        deadline: trio time after which it must not be begun; `math.inf` for none.
        begun: whether a consumer has taken it.
    """

    __slots__ = (
        "_answer",
        "_done",
        "_error",
        "_event",
        "_in_flight",
        "_on_done",
        "begun",
        "deadline",
        "question",
        "size",
    )

    _answer: A

    def __init__(
        self,
        question: Q,
        size: int,
        deadline: float,
        in_flight: dict[Call[Q, A], None],
        on_done: Callable[[Call[Q, A]], None] | None = None,
    ) -> None:
        self.question = question
        self.size = size
        self.deadline = deadline
        self.begun = False
        self._done = False
        self._error: BaseException | None = None
        self._event: trio.Event | None = None
        self._in_flight = in_flight
        self._on_done = on_done

    @property
    def done(self) -> bool:
        """Whether it has its answer or its error."""
        return self._done

    def answer(self, value: A) -> None:
        """Resolve the call with `value`. Sync; never raises."""
        if not self._done:
            self._answer = value
            self._resolve()

    def fail(self, error: BaseException) -> None:
        """Resolve the call with an error, raised where it is waited for. Sync; never raises.

        Give every call an exception object of its own: one object raised in several tasks
        collects the tracebacks of all of them.
        """
        if not self._done:
            self._error = error
            self._resolve()

    def _resolve(self) -> None:
        self._done = True
        self._in_flight.pop(self, None)
        if self._event is not None:
            self._event.set()
        if self._on_done is not None:
            try:
                self._on_done(self)
            except Exception:  # a bug of the asker's, which must not cost the others their answers
                LOGGER.exception("what was to be told of the end of a call failed")

    def result(self) -> A:
        """The answer of a call that is done; raises the error that it failed with."""
        assert self._done, "the call has no answer yet"
        if self._error is not None:
            error = self._error
            try:
                raise error
            finally:
                del error, self  # the traceback refers to this frame: no reference cycle
        return self._answer

    async def wait(self) -> A:
        """Wait for the answer and return it, or raise the error the call failed with.

        A checkpoint only if the answer is not there yet: awaiting the thousand calls of a
        pipeline after the last one was answered costs no thousand schedulings.

        Cancellation: abandons the answer, never the work.
        """
        await self.wait_done()
        return self.result()

    async def wait_done(self) -> None:
        """Wait until the call is done; a checkpoint, and to be cancelled, as `wait`."""
        if not self._done:
            if self._event is None:
                self._event = trio.Event()
            await self._event.wait()

    def __repr__(self) -> str:
        state = "done" if self._done else "begun" if self.begun else "queued"
        return f"<Call {state} size={self.size} deadline={self.deadline}>"
