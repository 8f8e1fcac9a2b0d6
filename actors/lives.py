"""One life of an actor in a registry, from the request for it to the end of its task."""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

import trio

from .mailbox import Mailbox


class Actor(Protocol):
    """What a registry runs; `GroupCommitActor` is one."""

    @property
    def mailbox(self) -> Mailbox[Any, Any]:
        """Where it takes its work from; closing it is the request to finish and return."""
        ...

    async def serve(self, *, task_status: trio.TaskStatus[object]) -> None:
        """Run; call `task_status.started` when ready. Must answer all its calls at any end."""
        ...


K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound=Actor)


class State(enum.Enum):
    """Where a life stands; each follows the one before it, and the second may be left out."""

    STARTING = enum.auto()
    ALIVE = enum.auto()
    STOPPING = enum.auto()


class Life(Generic[K, T]):
    """One life of one key's actor; its registry changes it."""

    def __init__(self, key: K, predecessor: Life[K, T] | None) -> None:
        self.key = key
        self.predecessor = predecessor  # its last life, if that has not ended yet
        self.state = State.STARTING
        self.actor: T | None = None
        self.error: Exception | None = None  # why it could not be started
        self.traceback: TracebackType | None = None  # of that error
        self.ready = trio.Event()  # started, or failed to
        self.gone = trio.Event()
        self.scope = trio.CancelScope()
        self.pins = 0
        self.last_used = trio.current_time()

    def is_idle(self) -> bool:
        """Whether it may be stopped without anybody noticing."""
        return (
            self.state is State.ALIVE
            and not self.pins
            and self.actor is not None
            and self.actor.mailbox.idle
        )


class StartReport:
    """Stands for a nursery's task status: an actor reports its start to its entry."""

    def __init__(self, note: Callable[[], None]) -> None:
        self._note = note

    def started(self, value: object = None) -> None:
        """Report it; the value is not needed."""
        self._note()
