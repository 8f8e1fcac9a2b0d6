"""The actor that owns a store and a mailbox: one transaction for everything that waits.

The order of things, on which its users rely: a batch is committed once, its callers are answered,
then it is published, one batch after the other; nothing new is committed while the outcome of an
earlier commit is open. Where more is queued when a commit has ended, the store gets it first, and
works on it while the callers of the batch before are answered.

What is known about the calls of the present batch is kept on the actor, not in its task, so it
survives a crash: `_taken` are those without a final answer, `_doubtful` those of them whose commit
was begun and whose outcome is open, and `_untold` those whose outcome is there but not told yet.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

import trio

from .call import Call
from .connection import Connection
from .early import Begin, Early
from .errors import ActorError, DeadlinePassed, Down, OutcomeUnknown, Unavailable, unavailable
from .mailbox import Mailbox
from .reporter import Reporter
from .settings import GroupCommitSettings, GroupCommitStatistics
from .settling import settle
from .store import Deferred, Store, StoreFault, check_length
from .supervisor import supervise
from .sweep import Sweep
from .untold import Untold

LOGGER = logging.getLogger("actors.group_commit")

Q = TypeVar("Q")
A = TypeVar("A")

COMMIT_ROUNDS = 3  # commits of one call that may break off, before it is taken for the cause
DEFERRED_PAUSE = 0.002  # seconds before trying again when every call was deferred; doubled
DEFERRED_PAUSE_CAP = 0.1  # seconds; the holder of the lock commits within some milliseconds


class GroupCommitActor(Generic[Q, A]):
    """Serialises writes to a store without a lock, and lets many callers share a transaction.

    Args:
        store: owned by the actor; nobody else may use it.
        mailbox: where the questions come in; a new one by default.
        publish: called, sync, with the questions and answers of each commit, in commit order,
            after the callers were answered; also with those whose callers are gone.
        on_batch: called, sync, with count, bytes and seconds of each committed batch.
        on_crash: called, sync, with the error of each crash of the actor's task.
        on_error: called, sync, with every error that nobody else gets to see. What any of these
            callbacks raises is logged and does not hurt the actor.
        begin: begins a commit without waiting, see `Early`, where `sweep` ends and the actor waits
            for its next batch.
        name: for log lines.
        rng: numbers in [0, 1) for the jitter.
    """

    def __init__(
        self,
        store: Store[Q, A],
        mailbox: Mailbox[Q, A] | None = None,
        *,
        publish: Callable[[Sequence[Q], Sequence[A]], object] | None = None,
        on_batch: Callable[[int, int, float], object] | None = None,
        on_crash: Callable[[Exception], object] | None = None,
        on_error: Callable[[Exception], object] | None = None,
        begin: Begin[Q, A] | None = None,
        sweep: Sweep | None = None,
        settings: GroupCommitSettings | None = None,
        name: str = "",
        rng: Callable[[], float] = random.random,
    ) -> None:
        self.mailbox: Mailbox[Q, A] = Mailbox() if mailbox is None else mailbox
        self.name = name
        self.settings = GroupCommitSettings() if settings is None else settings
        self._reporter = Reporter(LOGGER, name or "actor", on_error)
        self._store = Connection(store, self.settings, self._reporter.report, rng)
        self._publish = publish
        self._on_batch = on_batch
        self._on_crash = on_crash
        self._rng = rng
        self._taken: list[Call[Q, A]] = []
        self._doubtful: list[Call[Q, A]] = []
        self._untold: Untold[Q, A] = Untold(self._deliver)
        self._early: Early[Q, A] | None = None
        if begin is not None and sweep is not None:
            self._early = Early(begin)
            self.mailbox.on_woken = partial(sweep.at_end, self._begin_early)
        self._started = False
        self._released = False
        self._fruitless = 0  # batches in a row of which every call was deferred
        self._batches = 0
        self._questions = 0
        self._largest = 0
        self._deferred = 0
        self._uncertain = 0
        self._restarts = 0

    # The task

    async def serve(
        self, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Run under supervision. Returns when the mailbox is closed and everything answered.

        `task_status.started` is given the mailbox once the store is open.

        However it ends, no caller is left waiting: what the store may have written gets
        `OutcomeUnknown`, the rest `Unavailable` (or `Down` after a cancellation), and so does
        whoever puts something later.

        Cancellation: a commit in progress is finished first (within its time limit), the store is
        closed (within its own).

        Raises:
            RestartLimit: it crashed too often.
            Unavailable: the store could not be opened at the very start; or whatever else
                `Store.open` raises there.
        """
        settings = self.settings
        try:
            await supervise(
                self.run,
                intensity=settings.restart_intensity,
                period=settings.restart_period,
                backoff=settings.backoff,
                backoff_cap=settings.backoff_cap,
                jitter=settings.jitter,
                on_crash=self._note_crash,
                rng=self._rng,
                task_status=task_status,
            )
        except Exception as error:
            self._give_up(partial(unavailable, f"the actor gave up: {error}"))
            raise
        except BaseException:
            self._give_up(Down)
            raise

    async def run(self, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
        """One life of the actor; use `serve`, which looks after the next one.

        The first life opens the store before it is started; a later one finds out first what
        became of the calls that the crash left open.
        """
        try:
            if not self._started:
                await self._store.open()
                self._started = True
            task_status.started(self.mailbox)
            await self._untold.before_waits(self._work())
        finally:
            self._untold.tell()
            await self._store.close()  # noqa: ASYNC102  (shielded and bounded there)

    async def _work(self) -> None:
        await self._recover()
        while True:
            try:
                calls = await self._next_batch()
            except trio.EndOfChannel:
                return
            self._taken = calls
            await self._process(calls)

    async def _recover(self) -> None:
        doubtful = set(self._doubtful)
        untouched = [call for call in self._taken if call not in doubtful]
        self._taken = list(self._doubtful)
        self.mailbox.put_back(untouched)
        if self._doubtful:
            await self._process(await self._settle())

    async def _next_batch(self) -> list[Call[Q, A]]:
        settings = self.settings
        if settings.idle_release < math.inf and not self._released and self.mailbox.waiting == 0:
            with trio.move_on_after(settings.idle_release):
                return await self.mailbox.batch(settings.max_count, settings.max_bytes)
            self._released = True
            await self._store.release()
        count = settings.max_count
        if self.mailbox.waiting:
            count = min(count, self._untold.share(self.mailbox.waiting))
        calls = await self.mailbox.batch(count, settings.max_bytes)
        self._released = False
        return calls

    # One batch

    def _begin_early(self) -> None:
        """Hand the store a batch at once, which the actor's task, just woken, goes on with."""
        if self._early is None or not self._store.is_open or self._doubtful:
            return  # what it was woken for is not to be committed, or not by this store as it is
        calls = self.mailbox.take_ahead(self.settings.max_count, self.settings.max_bytes)
        if calls:
            # Before anything is sent: whatever happens, these are calls whose outcome is open.
            self._taken = self._doubtful = calls
            self._early.begin(calls)

    async def _process(self, calls: list[Call[Q, A]]) -> None:
        """Bring every one of `calls` to an answer, or back into the queue."""
        rounds = 0
        unreached = 0
        while calls:
            if not self._store.is_open and not await self._store.reopen():
                self._refuse(calls)
                return
            begun = trio.current_time()
            try:
                answers = await self._commit(calls)
            except Unavailable as error:
                self._doubtful = []
                unreached += 1
                if unreached > 1:
                    self._store.note_down(error)
                    self._refuse(calls)
                    return
                self._store.is_open = False
                calls = self._still_wanted(calls)
            except OutcomeUnknown as error:
                self._reporter.report("a commit broke off", error)
                self._uncertain += 1
                self._store.is_open = False
                rounds += 1
                calls = await self._settle()
                if rounds == COMMIT_ROUNDS:
                    reason = f"the commit broke off {rounds} times: {error}"
                    self._fail(calls, partial(unavailable, reason))
                    return
            except StoreFault:
                raise
            except Exception as error:
                self._doubtful = []
                await self._isolate(calls, error)
                return
            else:
                seconds = trio.current_time() - begun
                self._conclude(calls, answers, seconds)
                self._note_batch(calls, seconds)
                await self._pause_if_fruitless()
                return

    async def _isolate(self, calls: list[Call[Q, A]], error: Exception) -> None:
        """The transaction was rolled back: let only the guilty ones fail."""
        if len(calls) == 1:
            self._finish(calls)
            calls[0].fail(error)
            return
        for call in calls:
            await self._process(self._still_wanted([call]))

    async def _commit(self, calls: list[Call[Q, A]]) -> Sequence[A | Deferred]:
        questions = [call.question for call in calls]
        self._doubtful = calls
        limit = self.settings.commit_timeout
        answers: Sequence[A | Deferred] | None = None
        try:
            with trio.move_on_after(limit, shield=True):
                begun = None if self._early is None else self._early.outcome(calls)
                answers = await (self._store.store.commit(questions) if begun is None else begun)
        except trio.TooSlowError as error:  # of a driver that enforces the deadline by itself
            raise OutcomeUnknown(f"the commit timed out: {error}") from error
        finally:
            self._untold.tell()  # before anybody is told of this one
        if answers is None:
            raise OutcomeUnknown(f"no outcome of the commit within {limit:g} s")
        check_length("commit", answers, calls)
        self._store.note_up()
        return answers

    def _note_batch(self, calls: list[Call[Q, A]], seconds: float) -> None:
        self._batches += 1
        self._largest = max(self._largest, len(calls))
        if self._on_batch is not None:
            size = sum(call.size for call in calls)
            self._reporter.guard(self._on_batch, len(calls), size, seconds)

    def _conclude(
        self, calls: list[Call[Q, A]], answers: Sequence[A | Deferred], seconds: float
    ) -> None:
        """Deliver, or have it done when the next batch is on its way."""
        self._doubtful = []
        self._finish(calls)
        if self.mailbox.waiting and not any(isinstance(answer, Deferred) for answer in answers):
            self._untold.put(calls, answers, seconds)
        else:
            self._deliver(calls, answers)

    def _deliver(self, calls: list[Call[Q, A]], answers: Sequence[A | Deferred]) -> None:
        """Answer, put back, publish."""
        questions: list[Q] = []
        final: list[A] = []
        back: list[Call[Q, A]] = []
        for call, answer in zip(calls, answers, strict=True):
            if isinstance(answer, Deferred):
                back.append(call)
            else:
                questions.append(call.question)
                final.append(answer)
                call.answer(answer)
        if back:
            self._deferred += len(back)
            self.mailbox.put_back(back)
        self._fruitless = 0 if final else self._fruitless + 1
        self._announce(questions, final)

    def _announce(self, questions: list[Q], answers: list[A]) -> None:
        self._questions += len(questions)
        if questions and self._publish is not None:
            self._reporter.guard(self._publish, questions, answers)

    async def _pause_if_fruitless(self) -> None:
        if self._fruitless:
            pause = DEFERRED_PAUSE * 2 ** min(self._fruitless - 1, 10)
            await trio.sleep(min(DEFERRED_PAUSE_CAP, pause))

    def _still_wanted(self, calls: list[Call[Q, A]]) -> list[Call[Q, A]]:
        """Without those whose time is over; nothing was written of any of `calls`."""
        now = trio.current_time()
        self._fail([call for call in calls if call.deadline <= now], DeadlinePassed)
        self._finish([call for call in calls if call.done])
        return [call for call in calls if not call.done]

    def _fail(self, calls: list[Call[Q, A]], error: Callable[[], Exception]) -> None:
        self._finish(calls)
        for call in calls:
            call.fail(error())

    def _finish(self, calls: list[Call[Q, A]]) -> None:
        """Forget calls that have been brought to an end."""
        if calls == self._taken:
            self._taken = []
        elif calls:
            gone = set(calls)
            self._taken = [call for call in self._taken if call not in gone]

    # Refusing

    def _refuse(self, calls: list[Call[Q, A]]) -> None:
        """Answer `calls` and everything queued: the store cannot be reached."""
        error = partial(unavailable, self._store.down_reason)
        self._fail(calls, error)
        self.mailbox.refuse(error)

    # An open outcome

    async def _settle(self) -> list[Call[Q, A]]:
        """Find out what became of the doubtful calls, and answer them.

        Returns: those that were not written and may be committed again.
        """
        found = await settle(self._doubtful, self._store, self.mailbox, self.settings)
        return self._deliver_settled(found)

    def _deliver_settled(self, found: Sequence[A | None]) -> list[Call[Q, A]]:
        calls, self._doubtful = self._doubtful, []
        questions: list[Q] = []
        answers: list[A] = []
        unwritten: list[Call[Q, A]] = []
        for call, answer in zip(calls, found, strict=True):
            if answer is None:
                unwritten.append(call)
            else:
                questions.append(call.question)
                answers.append(answer)
                call.answer(answer)
        again = self._still_wanted(unwritten)
        self._taken = [call for call in self._taken if not call.done]
        self._announce(questions, answers)
        return again

    # The end

    def _give_up(self, error: Callable[[], ActorError]) -> None:
        for call in self._doubtful:
            call.fail(OutcomeUnknown())
        for call in self.mailbox.in_flight:
            call.fail(error())
        self._taken, self._doubtful = [], []
        self.mailbox.close(error)
        self.mailbox.refuse(error)

    def _note_crash(self, error: Exception) -> None:
        self._restarts += 1
        self._reporter.tell(error)
        if self._on_crash is not None:
            self._reporter.guard(self._on_crash, error)

    def statistics(self) -> GroupCommitStatistics:
        """The state at this moment; the queue has its own (`mailbox.statistics`)."""
        return GroupCommitStatistics(
            batches=self._batches,
            questions=self._questions,
            largest_batch=self._largest,
            deferred=self._deferred,
            uncertain=self._uncertain,
            opens=self._store.opens,
            restarts=self._restarts,
            available=self._store.is_open,
        )

    def __repr__(self) -> str:
        state = "open" if self._store.is_open else "not open"
        return f"<GroupCommitActor {self.name!r} {state}, {self.mailbox!r}>"
