import pytest
import trio
from faulty_store import FaultyStore
from trio.testing import wait_all_tasks_blocked

from actors import (
    DeadlinePassed,
    GroupCommitActor,
    GroupCommitSettings,
    OutcomeUnknown,
    RestartLimit,
    Unavailable,
)


@pytest.fixture
def store():
    return FaultyStore()


def make_actor(store, publish=None, **settings):
    settings = GroupCommitSettings(jitter=0, **settings)
    return GroupCommitActor(store, settings=settings, publish=publish)


async def outcome(call):
    try:
        return await call.wait()
    except Exception as error:
        return error


async def test_an_unreachable_store_is_reopened_and_tried_once_more(nursery, autojump_clock, store):
    actor = make_actor(store)
    await nursery.start(actor.serve)
    store.plan("commit", Unavailable())
    assert await actor.mailbox.ask("a") == ("wrote", "a")
    assert store.count("open") == 2


async def test_while_it_stays_unreachable_all_are_refused_at_once(nursery, autojump_clock, store):
    actor = make_actor(store, backoff=1.0)
    await nursery.start(actor.serve)
    store.plan("commit", gate := trio.Event(), Unavailable())
    store.always("open", Unavailable("no route"))
    actor.mailbox.put("x")
    await wait_all_tasks_blocked()
    gate.set()
    calls = actor.mailbox.put_all([("a", 1), ("b", 1)])
    for call in calls:
        with pytest.raises(Unavailable, match="no route"):
            await call.wait()
    began = trio.current_time()
    for _ in range(10):
        with pytest.raises(Unavailable):
            await actor.mailbox.ask("c")
    assert trio.current_time() == began
    assert store.count("open") == 2
    assert store.written == ["x"]


async def test_the_database_is_tried_at_most_once_an_interval_and_taken_when_back(
    nursery, autojump_clock, store
):
    actor = make_actor(store, backoff=1.0, backoff_cap=4.0)
    await nursery.start(actor.serve)
    store.plan("commit", Unavailable())
    store.always("open", Unavailable())
    for _ in range(200):  # 20 seconds: tries after 0, 1, 3, 7, 11, 15, 19
        with pytest.raises(Unavailable):
            await actor.mailbox.ask("a")
        await trio.sleep(0.1)
    assert 7 <= store.count("open") - 1 <= 8
    store.always("open", None)
    await trio.sleep(4)
    assert await actor.mailbox.ask("b") == ("wrote", "b")
    assert actor.statistics().restarts == 0


async def test_an_unknown_outcome_that_was_written_is_answered_and_published(
    nursery, autojump_clock, store
):
    published = []
    actor = make_actor(store, publish=lambda questions, answers: published.extend(answers))
    await nursery.start(actor.serve)
    store.plan("written", OutcomeUnknown())
    assert await actor.mailbox.ask("a") == ("wrote", "a")
    assert store.written == ["a"]
    assert published == [("wrote", "a")]
    assert len(store.commits) == 1


async def test_an_unknown_outcome_that_was_not_written_is_committed_again(
    nursery, autojump_clock, store
):
    actor = make_actor(store)
    await nursery.start(actor.serve)
    store.plan("commit", OutcomeUnknown())
    assert await actor.mailbox.ask("a") == ("wrote", "a")
    assert store.written == ["a"]
    assert store.visits == ["open", "commit", "open", "settle", "commit", "written"]


async def test_what_turns_out_unwritten_after_its_deadline_is_not_committed_again(
    nursery, autojump_clock, store
):
    actor = make_actor(store, commit_timeout=2.0)
    await nursery.start(actor.serve)
    store.plan("commit", trio.Event())
    with pytest.raises(DeadlinePassed):
        await actor.mailbox.ask("a", deadline=trio.current_time() + 1)
    assert store.written == []
    assert len(store.commits) == 1


async def test_a_commit_that_hangs_is_settled_after_its_time_limit(nursery, autojump_clock, store):
    actor = make_actor(store, commit_timeout=2.0)
    await nursery.start(actor.serve)
    store.plan("written", trio.Event())
    assert await actor.mailbox.ask("a") == ("wrote", "a")
    assert trio.current_time() == 2.0


async def test_nothing_new_is_committed_before_the_outcome_is_known(nursery, autojump_clock, store):
    actor = make_actor(store, backoff=1.0)
    await nursery.start(actor.serve)
    store.plan("written", OutcomeUnknown())
    store.always("settle", Unavailable())
    first = actor.mailbox.put("a")
    await trio.sleep(5)
    with pytest.raises(Unavailable):
        await actor.mailbox.ask("b")
    assert store.commits == [["a"]]
    store.always("settle", None)
    assert await outcome(first) == ("wrote", "a")
    assert await actor.mailbox.ask("c") == ("wrote", "c")
    assert store.written == ["a", "c"]


async def test_not_settled_in_time_is_an_unknown_outcome_and_the_settling_goes_on(
    nursery, autojump_clock, store
):
    published = []
    actor = make_actor(store, publish=lambda questions, _: published.extend(questions), grace=5.0)
    await nursery.start(actor.serve)
    store.plan("written", OutcomeUnknown())
    store.always("settle", Unavailable())
    with pytest.raises(OutcomeUnknown):
        await actor.mailbox.ask("a", deadline=1.0)
    assert trio.current_time() == 6.0
    store.always("settle", None)
    await trio.sleep(10)
    assert published == ["a"]
    assert await actor.mailbox.ask("b") == ("wrote", "b")


async def test_a_call_that_breaks_every_commit_is_given_up(nursery, autojump_clock, store):
    actor = make_actor(store)
    await nursery.start(actor.serve)
    store.always("commit", OutcomeUnknown("connection lost"))
    with pytest.raises(Unavailable, match="connection lost"):
        await actor.mailbox.ask("a")
    store.always("commit", None)
    assert store.written == []
    assert await actor.mailbox.ask("b") == ("wrote", "b")


async def test_the_rest_of_a_rolled_back_batch_is_settled_too(nursery, autojump_clock, store):
    actor = make_actor(store)
    await nursery.start(actor.serve)
    store.guilty = {"a"}
    # Together: rolled back. Then alone: a fails, b breaks off after writing, c goes through.
    store.plan("commit", None)
    store.plan("written", OutcomeUnknown())
    calls = actor.mailbox.put_all([(q, 1) for q in "abc"])
    outcomes = [await outcome(call) for call in calls]
    assert isinstance(outcomes[0], ValueError)
    assert outcomes[1:] == [("wrote", "b"), ("wrote", "c")]
    assert store.written == ["b", "c"]


async def test_a_crash_in_a_batch_loses_nobody(nursery, autojump_clock, store):
    actor = make_actor(store)
    await nursery.start(actor.serve)
    broken_commit(store)
    calls = actor.mailbox.put_all([("a", 1), ("b", 1)])
    await wait_all_tasks_blocked()
    later = actor.mailbox.put("c")
    assert [await outcome(call) for call in (*calls, later)] == [("wrote", q) for q in "abc"]
    assert store.written == ["a", "b", "c"]
    assert actor.statistics().restarts == 1


def broken_commit(store):
    """The next commit writes, and returns too few answers."""
    commit = store.commit

    async def too_few(questions):
        store.commit = commit
        return (await commit(questions))[1:]

    store.commit = too_few


async def test_a_crash_while_reopening_puts_the_batch_back(nursery, autojump_clock, store):
    actor = make_actor(store)
    await nursery.start(actor.serve)
    store.plan("commit", Unavailable())
    store.plan("open", ValueError("no permission"))
    calls = actor.mailbox.put_all([("a", 1), ("b", 1)])
    assert [await outcome(call) for call in calls] == [("wrote", "a"), ("wrote", "b")]
    assert store.written == ["a", "b"]
    assert actor.statistics().restarts == 1


async def test_past_the_restart_limit_nobody_is_left_waiting(autojump_clock, store):
    actor = make_actor(store, restart_intensity=2)
    with pytest.RaisesGroup(RestartLimit):
        async with trio.open_nursery() as nursery:
            await nursery.start(actor.serve)
            store.plan("commit", Unavailable())
            store.always("open", ValueError("no permission"))
            calls = actor.mailbox.put_all([("a", 1), ("b", 1)])
    for call in calls:
        with pytest.raises(Unavailable, match="no permission"):
            await call.wait()
    with pytest.raises(Unavailable):
        actor.mailbox.put("c")


async def test_giving_up_with_an_open_outcome_says_so(autojump_clock, store):
    actor = make_actor(store, restart_intensity=0, settle_limit=10.0)
    with pytest.RaisesGroup(RestartLimit):
        async with trio.open_nursery() as nursery:
            await nursery.start(actor.serve)
            store.plan("written", OutcomeUnknown())
            store.always("settle", Unavailable())
            call = actor.mailbox.put("a")
    with pytest.raises(OutcomeUnknown):
        await call.wait()
    assert 10 <= trio.current_time() <= 16


async def test_an_outcome_still_open_after_a_crash_is_settled_in_the_next_life(
    nursery, autojump_clock, store
):
    actor = make_actor(store, settle_limit=10.0)
    await nursery.start(actor.serve)
    store.plan("written", OutcomeUnknown())
    store.always("settle", Unavailable())
    call = actor.mailbox.put("a")
    await trio.sleep(16)  # the limit, and at most a pause more
    assert actor.statistics().restarts == 1
    store.always("settle", None)
    assert await outcome(call) == ("wrote", "a")
    assert store.commits == [["a"]]


async def test_a_mailbox_closed_during_an_outage_ends_the_actor_after_settling(
    autojump_clock, store
):
    actor = make_actor(store)
    async with trio.open_nursery() as nursery:
        await nursery.start(actor.serve)
        store.plan("written", OutcomeUnknown())
        store.plan("settle", Unavailable(), Unavailable())
        call = actor.mailbox.put("a")
        await wait_all_tasks_blocked()
        actor.mailbox.close()
    assert await outcome(call) == ("wrote", "a")
