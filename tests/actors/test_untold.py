"""Answers given while the store works on the next batch: in order, and whatever happens to it."""

import pytest
import trio
from faulty_store import FaultyStore
from trio.testing import wait_all_tasks_blocked

from actors import GroupCommitActor, StoreFault, Unavailable
from actors.untold import EVEN_LIMIT


async def queued_behind(actor, store, first, behind):
    """Have `first` under way, and calls `behind` it; return them all, and what lets it go on."""
    gate = trio.Event()
    store.plan("commit", gate)
    calls = actor.mailbox.put_all([(q, 1) for q in first])
    await wait_all_tasks_blocked()
    return [*calls, *actor.mailbox.put_all([(q, 1) for q in behind])], gate


async def test_the_store_has_the_next_batch_when_the_answers_are_given(nursery, autojump_clock):
    store = FaultyStore()
    actor = GroupCommitActor(store)
    await nursery.start(actor.serve)
    seen = []
    gate, second = trio.Event(), trio.Event()
    store.plan("commit", gate, second)
    actor.mailbox.put("a", on_done=lambda _: seen.append(list(store.commits)))
    await wait_all_tasks_blocked()
    later = actor.mailbox.put("b")
    gate.set()
    await wait_all_tasks_blocked()
    assert seen == [[["a"], ["b"]]]
    assert not later.done
    second.set()
    assert await later.wait() == ("wrote", "b")


@pytest.mark.parametrize("prompt", [False, True])
async def test_batches_are_published_in_the_order_of_their_commits(nursery, autojump_clock, prompt):
    store = FaultyStore(prompt=prompt)
    published = []
    actor = GroupCommitActor(store, publish=lambda questions, _: published.append(questions))
    await nursery.start(actor.serve)
    calls, gate = await queued_behind(actor, store, "a", "bc")
    gate.set()
    for call in calls:
        await call.wait()
    await wait_all_tasks_blocked()
    assert published == [["a"], ["b", "c"]]


@pytest.mark.parametrize("prompt", [False, True])
@pytest.mark.parametrize("fault", [StoreFault("no"), Unavailable("gone"), ValueError("never")])
async def test_a_fault_of_the_next_commit_takes_no_answer_away(
    nursery, autojump_clock, fault, prompt
):
    store = FaultyStore(prompt=prompt)
    reported = []
    actor = GroupCommitActor(store, on_error=reported.append)
    await nursery.start(actor.serve)
    (first, later), gate = await queued_behind(actor, store, "a", "b")
    store.plan("commit", fault)
    gate.set()
    assert await first.wait() == ("wrote", "a")
    with trio.move_on_after(60):
        await later.wait_done()
    assert store.written.count("a") == 1
    assert not any(isinstance(error, AssertionError) for error in reported)


@pytest.mark.parametrize("prompt", [False, True])
async def test_an_actor_that_is_cancelled_tells_what_is_known(autojump_clock, prompt):
    store = FaultyStore(prompt=prompt)
    actor = GroupCommitActor(store)
    async with trio.open_nursery() as nursery:
        await nursery.start(actor.serve)
        (first, later), gate = await queued_behind(actor, store, "a", "b")
        gate.set()
        nursery.cancel_scope.cancel()
    assert await first.wait() == ("wrote", "a")
    assert later.done
    assert store.commits == [["a"]]


async def test_batches_that_take_turns_are_made_even(nursery, autojump_clock):
    store = FaultyStore()
    actor = GroupCommitActor(store)
    await nursery.start(actor.serve)
    calls, gate = await queued_behind(actor, store, "ab", "cdefgh")
    gate.set()
    for call in calls:
        await call.wait()
    assert [len(commit) for commit in store.commits] == [2, 4, 2]


async def test_batches_whose_commits_take_long_are_not_made_even(nursery, autojump_clock):
    store = FaultyStore()
    actor = GroupCommitActor(store)
    await nursery.start(actor.serve)
    calls, gate = await queued_behind(actor, store, "ab", "cdefgh")
    await trio.sleep(2 * EVEN_LIMIT)
    gate.set()
    for call in calls:
        await call.wait()
    assert [len(commit) for commit in store.commits] == [2, 6]
