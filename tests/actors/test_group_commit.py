import pytest
import trio
from faulty_store import FaultyStore
from trio.testing import wait_all_tasks_blocked

from actors import (
    DeadlinePassed,
    Down,
    GroupCommitActor,
    GroupCommitSettings,
    Mailbox,
    Unavailable,
)


async def ask_all(actor, questions):
    """Ask together, and return the answers (errors in their place)."""
    return [await outcome(call) for call in actor.mailbox.put_all([(q, 1) for q in questions])]


async def outcome(call):
    try:
        return await call.wait()
    except Exception as error:
        return error


async def test_everything_that_waits_is_one_transaction(nursery, autojump_clock):
    store = FaultyStore()
    actor = GroupCommitActor(store)
    await nursery.start(actor.serve)
    assert await ask_all(actor, "abc") == [("wrote", q) for q in "abc"]
    assert store.commits == [["a", "b", "c"]]


async def test_what_arrives_during_a_commit_is_the_next_batch(nursery, autojump_clock):
    store = FaultyStore()
    actor = GroupCommitActor(store)
    await nursery.start(actor.serve)
    gate = trio.Event()
    store.plan("commit", gate)
    first = actor.mailbox.put("a")
    await wait_all_tasks_blocked()
    later = actor.mailbox.put_all([("b", 1), ("c", 1)])
    gate.set()
    for call in (first, *later):
        await call.wait()
    assert store.commits == [["a"], ["b", "c"]]


async def test_a_batch_is_bounded_by_count(nursery, autojump_clock):
    store = FaultyStore()
    actor = GroupCommitActor(store, settings=GroupCommitSettings(max_count=2))
    await nursery.start(actor.serve)
    await ask_all(actor, "abcde")
    assert store.commits == [["a", "b"], ["c", "d"], ["e"]]


async def test_answers_come_before_publishing(nursery, autojump_clock):
    calls = []
    seen = []

    def publish(questions, answers):
        seen.append((list(questions), list(answers), [call.done for call in calls]))

    actor = GroupCommitActor(FaultyStore(), publish=publish)
    await nursery.start(actor.serve)
    calls += actor.mailbox.put_all([("a", 1), ("b", 1)])
    await wait_all_tasks_blocked()
    assert seen == [(["a", "b"], [("wrote", "a"), ("wrote", "b")], [True, True])]


async def test_a_failing_publish_is_reported_and_hurts_nobody(nursery, autojump_clock, caplog):
    errors = []

    def publish(questions, answers):
        raise KeyError("in publish")

    actor = GroupCommitActor(FaultyStore(), publish=publish, on_error=errors.append)
    await nursery.start(actor.serve)
    assert await actor.mailbox.ask("a") == ("wrote", "a")
    assert await actor.mailbox.ask("b") == ("wrote", "b")
    assert [type(error) for error in errors] == [KeyError, KeyError]
    assert "in publish" in caplog.text
    assert actor.statistics().restarts == 0


async def test_an_abandoned_call_is_committed_and_published(nursery, autojump_clock):
    published = []
    store = FaultyStore()
    actor = GroupCommitActor(store, publish=lambda questions, _: published.extend(questions))
    await nursery.start(actor.serve)
    gate = trio.Event()
    store.plan("commit", gate)
    with trio.move_on_after(1) as scope:
        await actor.mailbox.ask("a")
    assert scope.cancelled_caught
    gate.set()
    await wait_all_tasks_blocked()
    assert store.written == published == ["a"]


async def test_a_call_whose_deadline_passed_is_never_written(nursery, autojump_clock):
    store = FaultyStore()
    actor = GroupCommitActor(store)
    await nursery.start(actor.serve)
    gate = trio.Event()
    store.plan("commit", gate)
    actor.mailbox.put("a")
    await wait_all_tasks_blocked()
    late = actor.mailbox.put("late", deadline=trio.current_time() + 1)
    await trio.sleep(2)
    gate.set()
    with pytest.raises(DeadlinePassed):
        await late.wait()
    await wait_all_tasks_blocked()
    assert store.written == ["a"]


async def test_deferred_questions_are_next_in_their_old_order(nursery, autojump_clock):
    store = FaultyStore()
    actor = GroupCommitActor(store)
    await nursery.start(actor.serve)
    store.locked = {"b", "d"}
    gate = trio.Event()
    store.plan("written", gate)
    calls = actor.mailbox.put_all([(q, 1) for q in "abcd"])
    await wait_all_tasks_blocked()
    actor.mailbox.put("e")
    gate.set()
    store.plan("commit", None, unlocked := trio.Event())
    await wait_all_tasks_blocked()
    assert [call.done for call in calls] == [True, False, True, False]
    store.locked = set()
    unlocked.set()
    assert await outcome(calls[1]) == ("wrote", "b")
    assert await outcome(calls[3]) == ("wrote", "d")
    assert store.commits[1] == ["b", "d", "e"]
    assert store.written == ["a", "c", "e", "b", "d"]


async def test_a_store_that_defers_everything_is_not_asked_in_a_tight_loop(nursery, autojump_clock):
    store = FaultyStore()
    store.locked = {"a"}
    actor = GroupCommitActor(store)
    await nursery.start(actor.serve)
    call = actor.mailbox.put("a")
    await trio.sleep(1)
    assert len(store.commits) < 30
    store.locked = set()
    assert await outcome(call) == ("wrote", "a")


async def test_one_guilty_question_fails_alone(nursery, autojump_clock):
    store = FaultyStore()
    store.guilty = {"b"}
    actor = GroupCommitActor(store)
    await nursery.start(actor.serve)
    a, b, c = await ask_all(actor, "abc")
    assert (a, c) == (("wrote", "a"), ("wrote", "c"))
    assert isinstance(b, ValueError)
    assert store.written == ["a", "c"]


async def test_a_closed_mailbox_is_drained_and_the_store_closed(autojump_clock):
    store = FaultyStore()
    actor = GroupCommitActor(store)
    async with trio.open_nursery() as nursery:
        await nursery.start(actor.serve)
        calls = actor.mailbox.put_all([("a", 1), ("b", 1)])
        actor.mailbox.close()
    assert [await outcome(call) for call in calls] == [("wrote", "a"), ("wrote", "b")]
    assert not store.is_open
    assert store.visits[-1] == "close"
    with pytest.raises(Down):
        await actor.mailbox.ask("c")


async def test_an_idle_actor_releases_its_store_once(nursery, autojump_clock):
    store = FaultyStore()
    actor = GroupCommitActor(store, settings=GroupCommitSettings(idle_release=5))
    await nursery.start(actor.serve)
    await trio.sleep(4)
    await actor.mailbox.ask("a")
    await trio.sleep(4)
    assert store.count("release") == 0
    await trio.sleep(100)
    assert store.count("release") == 1
    assert await actor.mailbox.ask("b") == ("wrote", "b")
    await trio.sleep(100)
    assert store.count("release") == 2


async def test_a_store_that_failed_to_release_is_opened_anew(nursery, autojump_clock):
    store = FaultyStore()
    store.plan("release", OSError("broken"))
    actor = GroupCommitActor(store)
    await nursery.start(actor.serve)
    await trio.sleep(100)
    assert await actor.mailbox.ask("a") == ("wrote", "a")
    assert store.count("open") == 2


async def test_a_start_without_the_database_is_reported_to_the_starter():
    store = FaultyStore()
    store.plan("open", Unavailable("no route"))
    actor = GroupCommitActor(store)
    with pytest.RaisesGroup(pytest.RaisesExc(Unavailable, match="no route")):
        async with trio.open_nursery() as nursery:  # noqa: ASYNC112  (`start` is what is tested)
            await nursery.start(actor.serve)
    with pytest.raises(Unavailable):
        actor.mailbox.put("a")
    assert store.visits == ["open", "close"]


async def test_batches_are_reported_with_count_and_bytes(nursery, autojump_clock):
    reports = []
    actor = GroupCommitActor(FaultyStore(), on_batch=lambda *report: reports.append(report))
    await nursery.start(actor.serve)
    for call in actor.mailbox.put_all([("a", 10), ("b", 20)]):
        await call.wait()
    assert reports == [(2, 30, 0.0)]
    statistics = actor.statistics()
    assert (statistics.batches, statistics.questions, statistics.largest_batch) == (1, 2, 2)


async def test_what_waits_before_the_start_is_served(nursery, autojump_clock):
    mailbox = Mailbox()
    call = mailbox.put("early")
    await nursery.start(GroupCommitActor(FaultyStore(), mailbox).serve)
    assert await outcome(call) == ("wrote", "early")
