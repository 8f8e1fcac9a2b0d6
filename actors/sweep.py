"""What is done once at the end of a task's go through many questions."""

from __future__ import annotations

from collections.abc import Callable


class Sweep:
    """Lets batches be begun when a task has put all that it has, in that very turn of the loop.

    A task that puts questions into mailboxes, one after the other and without waiting, does so
    inside ``with sweep:``. Whoever is woken by one of them may be given a head start at the end,
    when the others of the batch are there, too. Outside of the block `at_end` does nothing: the
    woken one's task comes in the loop's next turn anyhow. For the tasks of one event loop.
    """

    __slots__ = ("_open", "_steps")

    def __init__(self) -> None:
        self._open = False
        self._steps: list[Callable[[], None]] = []

    def __enter__(self) -> None:
        """Collect steps. Not to be entered twice, and not to be waited in."""
        self._open = True

    def __exit__(self, *_exc: object) -> None:
        """Do the steps."""
        self._open = False
        if self._steps:
            steps, self._steps = self._steps, []
            for step in steps:
                step()

    def at_end(self, step: Callable[[], None]) -> None:
        """Have `step` called, sync, at the end of the block, if one is open; must not raise."""
        if self._open:
            self._steps.append(step)
