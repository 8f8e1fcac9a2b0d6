import pytest
import trio
from faulty_store import FaultyStore
from trio.testing import wait_all_tasks_blocked

from actors import Down, GroupCommitActor, GroupCommitSettings, OutcomeUnknown, Unavailable

LIMITS = GroupCommitSettings(jitter=0, commit_timeout=20.0, close_timeout=5.0)


async def cancel_while_hanging(store, point, prepare=None):
    """Ask `a` and `b`, cancel the actor while the store hangs at `point`; the calls."""
    actor = GroupCommitActor(store, settings=LIMITS)
    async with trio.open_nursery() as nursery:
        await nursery.start(actor.serve)
        if prepare is not None:
            prepare()
        gate = trio.Event()
        store.plan(point, gate)
        calls = [actor.mailbox.put("a")]
        await wait_all_tasks_blocked()
        calls.append(actor.mailbox.put("b"))
        nursery.cancel_scope.cancel()
        nursery.start_soon(set_later, gate)
    with pytest.raises(Down):
        actor.mailbox.put("c")
    return calls


async def set_later(gate):
    with trio.CancelScope(shield=True):
        await trio.sleep(3)
    gate.set()


async def test_a_commit_is_finished_and_answered_before_the_cancellation(autojump_clock):
    store = FaultyStore()
    first, second = await cancel_while_hanging(store, "commit")
    assert await first.wait() == ("wrote", "a")
    with pytest.raises(Down):
        await second.wait()
    assert store.written == ["a"]
    assert not store.is_open


async def test_a_commit_that_never_ends_holds_the_cancellation_for_its_limit(autojump_clock):
    store = FaultyStore()
    actor = GroupCommitActor(store, settings=LIMITS)
    async with trio.open_nursery() as nursery:
        await nursery.start(actor.serve)
        store.plan("written", trio.Event())
        call = actor.mailbox.put("a")
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert trio.current_time() == 20.0
    with pytest.raises(OutcomeUnknown):
        await call.wait()


async def test_hanging_at_settle_is_cancelled_at_once_with_an_unknown_outcome(autojump_clock):
    store = FaultyStore()
    first, second = await cancel_while_hanging(
        store, "settle", lambda: store.plan("written", OutcomeUnknown())
    )
    with pytest.raises(OutcomeUnknown):
        await first.wait()
    with pytest.raises(Down):
        await second.wait()


async def test_hanging_at_reopening_is_cancelled_with_nothing_written(autojump_clock):
    store = FaultyStore()

    def lose_connection():
        store.plan("commit", Unavailable())

    first, second = await cancel_while_hanging(store, "open", lose_connection)
    for call in (first, second):
        with pytest.raises(Down):
            await call.wait()
    assert store.written == []


async def test_hanging_at_the_first_open_is_cancelled_and_closed(autojump_clock):
    store = FaultyStore()
    store.plan("open", trio.Event())
    actor = GroupCommitActor(store, settings=LIMITS)
    call = actor.mailbox.put("a")
    with trio.move_on_after(1) as scope:
        await actor.serve()
    assert scope.cancelled_caught
    assert trio.current_time() == 1.0
    assert store.visits == ["open", "close"]
    with pytest.raises(Down):
        await call.wait()


async def test_an_open_that_hangs_is_bounded(autojump_clock):
    store = FaultyStore()
    store.plan("open", trio.Event())
    actor = GroupCommitActor(store, settings=GroupCommitSettings(open_timeout=7.0))
    with pytest.RaisesGroup(pytest.RaisesExc(Exception, match="did not open within 7 s")):
        async with trio.open_nursery() as nursery:  # noqa: ASYNC112  (`start` is what is tested)
            await nursery.start(actor.serve)
    assert trio.current_time() == 7.0


@pytest.mark.parametrize("cancelled", [True, False])
async def test_a_close_that_hangs_is_bounded(autojump_clock, cancelled):
    store = FaultyStore()
    store.plan("close", trio.Event())
    errors = []
    actor = GroupCommitActor(store, settings=LIMITS, on_error=errors.append)
    async with trio.open_nursery() as nursery:
        await nursery.start(actor.serve)
        if cancelled:
            nursery.cancel_scope.cancel()
        else:
            actor.mailbox.close()
    assert trio.current_time() == 5.0
    assert isinstance(errors[0], trio.TooSlowError)


async def test_cancelled_while_idle_it_closes_its_store(autojump_clock):
    store = FaultyStore()
    actor = GroupCommitActor(store)
    async with trio.open_nursery() as nursery:
        await nursery.start(actor.serve)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert not store.is_open
