"""A batch that the store is at work on before the actor's task has its turn."""

import pytest
import trio
from faulty_store import FaultyStore
from trio.testing import wait_all_tasks_blocked

from actors import (
    DEFERRED,
    Call,
    DeadlinePassed,
    Down,
    GroupCommitActor,
    GroupCommitSettings,
    OutcomeUnknown,
    StoreFault,
    Sweep,
    Unavailable,
)
from actors.early import Early

LIMITS = GroupCommitSettings(jitter=0, commit_timeout=20.0, backoff=4.0)


class EarlyStore(FaultyStore):
    """One whose commits can be begun: then they are written, and the rest is at `written`.

    `begun` has what was begun. A `busy` one would have to wait first. An error is raised at the
    beginning where it is planned for the point `unsent` (nothing is written) or `sent`.
    """

    def __init__(self):
        super().__init__()
        self.busy = False
        self.begun = []

    def begin(self, questions):
        assert self.is_open
        if self.busy:
            return None
        self.begun.append(list(questions))
        if self._plans["unsent"]:
            raise self._plans["unsent"].popleft()
        if not self.guilty & set(questions):
            self.written += [q for q in questions if q not in self.locked]
        if self._plans["sent"]:
            raise self._plans["sent"].popleft()
        return self._end(questions)

    async def _end(self, questions):
        await self._visit("written")
        if self.guilty & set(questions):
            raise ValueError(*questions)
        return [DEFERRED if q in self.locked else ("wrote", q) for q in questions]


@pytest.fixture
def store():
    return EarlyStore()


@pytest.fixture
def sweep():
    return Sweep()


@pytest.fixture
def actor(store, sweep):
    return GroupCommitActor(store, begin=store.begin, sweep=sweep, settings=LIMITS)


@pytest.fixture
async def running(actor, nursery):
    await nursery.start(actor.serve)
    await wait_all_tasks_blocked()
    return actor


def put_in(sweep, actor, question):
    """Put one as a task does that looks at many sockets."""
    with sweep:
        return actor.mailbox.put(question)


async def test_what_a_sweep_brings_is_begun_at_its_end_and_committed_once(
    running, store, sweep, autojump_clock
):
    with sweep:
        calls = [running.mailbox.put("a"), running.mailbox.put("b")]
        assert store.begun == []
    assert store.begun == [["a", "b"]]  # and no task had its turn
    assert [await call.wait() for call in calls] == [("wrote", "a"), ("wrote", "b")]
    assert store.commits == []
    assert store.written == ["a", "b"]
    # It is begun again as soon as the actor waits again.
    await wait_all_tasks_blocked()
    assert await put_in(sweep, running, "c").wait() == ("wrote", "c")
    assert store.begun[1:] == [["c"]]
    assert running.statistics().batches == 2


async def test_actors_that_one_sweep_wakes_are_all_begun(nursery, sweep, autojump_clock):
    stores = [EarlyStore(), EarlyStore()]
    actors = [GroupCommitActor(store, begin=store.begin, sweep=sweep) for store in stores]
    for actor in actors:
        await nursery.start(actor.serve)
    await wait_all_tasks_blocked()
    with sweep:
        calls = [actor.mailbox.put("a") for actor in actors]
    assert [store.begun for store in stores] == [[["a"]], [["a"]]]
    for call in calls:
        assert await call.wait() == ("wrote", "a")


async def test_outside_of_a_sweep_the_actor_commits(running, store, autojump_clock):
    call = running.mailbox.put("a")
    assert await call.wait() == ("wrote", "a")
    assert (store.begun, store.commits) == ([], [["a"]])


async def test_a_store_that_has_to_wait_gets_it_from_the_actor(
    running, store, sweep, autojump_clock
):
    store.busy = True
    assert await put_in(sweep, running, "a").wait() == ("wrote", "a")
    assert store.commits == [["a"]]


async def test_nothing_is_begun_while_the_store_is_at_work(running, store, sweep, autojump_clock):
    gate = trio.Event()
    store.plan("written", gate)
    first = put_in(sweep, running, "a")
    second = put_in(sweep, running, "b")
    await wait_all_tasks_blocked()
    third = put_in(sweep, running, "c")
    assert store.begun == [["a"]]
    gate.set()
    assert [await call.wait() for call in (first, second, third)] == [("wrote", q) for q in "abc"]
    assert store.commits == [["b", "c"]]


async def test_nothing_is_begun_while_an_outcome_is_open(running, store, sweep, autojump_clock):
    store.plan("written", OutcomeUnknown())
    store.plan("settle", Unavailable("still away"))
    first = put_in(sweep, running, "a")
    await wait_all_tasks_blocked()  # it refuses what comes in until it asks again
    refused = put_in(sweep, running, "b")
    assert store.begun == [["a"]]
    with pytest.raises(Unavailable, match="still away"):
        await refused.wait()
    assert await first.wait() == ("wrote", "a")
    assert store.written == ["a"]


async def test_nothing_is_begun_in_a_store_that_is_to_be_opened_anew(
    running, store, sweep, autojump_clock
):
    store.plan("commit", Unavailable(), Unavailable())
    with pytest.raises(Unavailable):
        await running.mailbox.put("a").wait()
    await wait_all_tasks_blocked()
    await trio.sleep(60)
    assert await put_in(sweep, running, "b").wait() == ("wrote", "b")
    assert (store.begun, store.count("open")) == ([], 3)


async def test_a_call_whose_time_is_over_is_not_begun(running, store, sweep, autojump_clock):
    with sweep:
        late = running.mailbox.put("a", deadline=trio.current_time())
    assert store.begun == []
    with pytest.raises(DeadlinePassed):
        await late.wait()
    await wait_all_tasks_blocked()
    assert await put_in(sweep, running, "b").wait() == ("wrote", "b")
    assert store.begun == [["b"]]


async def test_a_call_that_expires_while_begun_is_told_so_and_hurts_nobody(
    running, store, sweep, autojump_clock
):
    gate = trio.Event()
    store.plan("written", gate)
    with sweep:
        late = running.mailbox.put("a", deadline=trio.current_time() + 1)
    running.mailbox.expire(trio.current_time() + 1, 0)
    gate.set()
    with pytest.raises(OutcomeUnknown):
        await late.wait()
    await wait_all_tasks_blocked()
    assert await put_in(sweep, running, "b").wait() == ("wrote", "b")
    assert store.written == ["a", "b"]


# What becomes of it


@pytest.mark.parametrize("point", ["unsent", "sent"])
async def test_a_store_that_fails_to_begin_is_asked_what_became_of_it(
    running, store, sweep, point, autojump_clock
):
    store.plan(point, RuntimeError("a bug"))
    assert await put_in(sweep, running, "a").wait() == ("wrote", "a")
    assert running.statistics().restarts == 1
    assert store.written == ["a"]
    assert store.count("settle") == 1


async def test_an_outcome_that_is_unknown_is_looked_for(running, store, sweep, autojump_clock):
    store.plan("written", OutcomeUnknown())
    assert await put_in(sweep, running, "a").wait() == ("wrote", "a")
    assert store.count("settle") == 1
    assert (store.begun, store.commits) == ([["a"]], [])


async def test_what_was_not_written_is_committed_again(running, store, sweep, autojump_clock):
    store.written = writes = []
    store.plan("written", Unavailable())
    call = put_in(sweep, running, "a")
    writes.clear()
    assert await call.wait() == ("wrote", "a")
    assert (store.begun, store.commits) == ([["a"]], [["a"]])


async def test_of_a_batch_that_was_rolled_back_the_guilty_fail(
    running, store, sweep, autojump_clock
):
    store.guilty = {"b"}
    with sweep:
        good, bad = running.mailbox.put("a"), running.mailbox.put("b")
    assert await good.wait() == ("wrote", "a")
    with pytest.raises(ValueError, match="b"):
        await bad.wait()
    assert store.begun == [["a", "b"]]
    assert store.written == ["a"]


async def test_what_is_deferred_is_tried_again(running, store, sweep, autojump_clock):
    store.locked = {"a"}
    call = put_in(sweep, running, "a")
    await wait_all_tasks_blocked()
    assert not call.done
    store.locked = set()
    assert await call.wait() == ("wrote", "a")
    assert (store.begun, store.commits) == ([["a"]], [["a"]])


async def test_a_commit_that_was_begun_has_the_time_limit_of_one(
    running, store, sweep, autojump_clock
):
    store.plan("written", trio.Event())
    assert await put_in(sweep, running, "a").wait() == ("wrote", "a")
    assert trio.current_time() == 20.0
    assert store.count("settle") == 1


# The end of the actor


async def test_an_actor_that_is_cancelled_after_it_was_woken_ends_what_was_begun(
    actor, store, sweep, autojump_clock
):
    gate = trio.Event()
    store.plan("written", gate)
    async with trio.open_nursery() as nursery:
        await nursery.start(actor.serve)
        await wait_all_tasks_blocked()
        call = put_in(sweep, actor, "a")
        nursery.cancel_scope.cancel()  # before its task has run
        with trio.CancelScope(shield=True):
            await trio.sleep(3)
        gate.set()
    assert await call.wait() == ("wrote", "a")
    assert (store.begun, store.commits) == ([["a"]], [])


async def test_nothing_is_begun_for_an_actor_that_is_cancelled_and_has_not_run_since(
    actor, store, sweep, autojump_clock
):
    async with trio.open_nursery() as nursery:
        await nursery.start(actor.serve)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        call = put_in(sweep, actor, "a")
    with pytest.raises(Down):
        await call.wait()
    assert (store.begun, store.written) == ([], [])


async def test_of_what_was_begun_and_never_ends_the_outcome_is_unknown(
    actor, store, sweep, autojump_clock
):
    store.plan("written", trio.Event())
    async with trio.open_nursery() as nursery:
        await nursery.start(actor.serve)
        await wait_all_tasks_blocked()
        call = put_in(sweep, actor, "a")
        nursery.cancel_scope.cancel()
    assert trio.current_time() == 20.0
    with pytest.raises(OutcomeUnknown):
        await call.wait()


async def test_an_actor_that_is_stopped_ends_what_was_begun(actor, store, sweep, autojump_clock):
    async with trio.open_nursery() as nursery:
        await nursery.start(actor.serve)
        await wait_all_tasks_blocked()
        call = put_in(sweep, actor, "a")
        actor.mailbox.close()
    assert await call.wait() == ("wrote", "a")
    assert store.begun == [["a"]]
    assert not store.is_open


@pytest.mark.parametrize("release", [4.0, 5.0])
async def test_what_comes_as_the_store_is_released_is_committed_once(
    store, sweep, nursery, release, autojump_clock
):
    settings = GroupCommitSettings(idle_release=release)
    actor = GroupCommitActor(store, begin=store.begin, sweep=sweep, settings=settings)
    await nursery.start(actor.serve)
    await trio.sleep(5)  # released a while ago, or in this very turn
    assert await put_in(sweep, actor, "a").wait() == ("wrote", "a")
    assert len(store.begun + store.commits) == 1
    assert store.count("release") == 1


def test_an_outcome_is_given_to_nobody_else():
    early = Early(lambda questions: questions)
    mine, other = [Call("a", 1, 0, {})], [Call("b", 1, 0, {})]
    early.begin(mine)
    with pytest.raises(StoreFault):
        early.outcome(other)
    assert early.outcome(other) is None


def test_steps_of_a_sweep_are_done_once_at_its_end():
    sweep, done = Sweep(), []
    with sweep:
        sweep.at_end(lambda: done.append("a"))
        sweep.at_end(lambda: done.append("b"))
        assert done == []
    assert done == ["a", "b"]
    with sweep:
        pass
    assert done == ["a", "b"]


def test_a_step_outside_of_a_sweep_is_not_kept_for_the_next():
    sweep, done = Sweep(), []
    sweep.at_end(lambda: done.append("before"))
    with sweep:
        pass
    sweep.at_end(lambda: done.append("between"))
    with sweep:
        pass
    assert done == []
