"""A store in memory that fails or hangs where a test tells it to."""

from collections import defaultdict, deque
from collections.abc import Sequence

import trio

from actors import DEFERRED, Deferred


class FaultyStore:
    """Keeps strings in `written`; the answer to `x` is `("wrote", "x")`.

    `plan(point, step, ...)` queues what happens at the next visits of a point (`open`, `commit`,
    `written` (in a commit, after the writing), `settle`, `release`, `close`): an exception is
    raised, an event is waited for, and `None` lets the visit pass. What stands in `guilty` has a
    commit rolled back, what stands in `locked` is deferred. A `prompt` one lets no other task run
    where nothing is planned.
    """

    def __init__(self, *, prompt: bool = False) -> None:
        self.prompt = prompt
        self.written: list[str] = []
        self.commits: list[list[str]] = []  # as they were asked for
        self.visits: list[str] = []
        self.guilty: set[str] = set()
        self.locked: set[str] = set()
        self.is_open = False
        self._plans: dict[str, deque[BaseException | trio.Event | None]] = defaultdict(deque)
        self._always: dict[str, BaseException] = {}

    def plan(self, point: str, *steps: BaseException | trio.Event | None) -> None:
        self._plans[point].extend(steps)

    def always(self, point: str, error: BaseException | None) -> None:
        if error is None:
            self._always.pop(point, None)
        else:
            self._always[point] = error

    def count(self, point: str) -> int:
        return self.visits.count(point)

    async def _visit(self, point: str) -> None:
        self.visits.append(point)
        if not self.prompt:
            await trio.lowlevel.checkpoint()
        step = self._plans[point].popleft() if self._plans[point] else self._always.get(point)
        if isinstance(step, trio.Event):
            await step.wait()
        elif step is not None:
            raise step

    async def open(self) -> None:
        self.is_open = False
        await self._visit("open")
        self.is_open = True

    async def commit(self, questions: Sequence[str]) -> Sequence[tuple[str, str] | Deferred]:
        assert self.is_open
        self.commits.append(list(questions))
        await self._visit("commit")
        for question in questions:
            if question in self.guilty:
                raise ValueError(question)
        self.written += [q for q in questions if q not in self.locked]
        await self._visit("written")
        return [DEFERRED if q in self.locked else ("wrote", q) for q in questions]

    async def settle(self, questions: Sequence[str]) -> Sequence[tuple[str, str] | None]:
        assert self.is_open
        await self._visit("settle")
        return [("wrote", q) if q in self.written else None for q in questions]

    async def release(self) -> None:
        await self._visit("release")

    async def close(self) -> None:
        await self._visit("close")
        self.is_open = False
