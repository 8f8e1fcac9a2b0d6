"""How a registry ends: closed, or cancelled."""

import pytest
import trio
from faulty_store import FaultyStore
from registry_world import World
from trio.testing import wait_all_tasks_blocked

from actors import Down, GroupCommitActor, OutcomeUnknown, Registry, Unavailable

# Which of two tasks has its turn first is drawn by lot.
TIMES = 30


class Told(FaultyStore):
    """A store that tells when it was closed, which is the last thing that an actor does."""

    def __init__(self):
        super().__init__()
        self.closed = trio.Event()

    async def close(self):
        await super().close()
        self.closed.set()


@pytest.fixture
def world():
    return World()


async def test_close_drains_all_mailboxes(autojump_clock, world):
    registry = Registry(world)
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        calls = [(await registry.obtain(key)).mailbox.put(key) for key in "abc"]
        await registry.close()
    assert [await call.wait() for call in calls] == [("wrote", key) for key in "abc"]
    assert world.running() == []
    with pytest.raises(Down):
        await registry.obtain("a")


async def test_close_cancels_what_does_not_finish_in_its_grace(autojump_clock, world):
    registry = Registry(world)
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        actor = await registry.obtain("a")
        world.stores["a"].plan("commit", OutcomeUnknown())
        world.stores["a"].always("settle", Unavailable())
        call = actor.mailbox.put("1")
        await wait_all_tasks_blocked()
        await registry.close(grace=2)
    assert trio.current_time() == 2
    with pytest.raises(OutcomeUnknown):
        await call.wait()


async def test_closing_an_empty_registry_ends_it(autojump_clock, world):
    registry = Registry(world)
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        await registry.close()


async def test_cancelling_the_registry_leaves_no_asker_waiting(autojump_clock, world):
    registry = Registry(world)
    with pytest.RaisesGroup(Down):
        async with trio.open_nursery() as outer, trio.open_nursery() as nursery:
            await nursery.start(registry.run)
            await registry.obtain("a")
            world.stores["a"].plan("commit", gate := trio.Event())
            outer.start_soon(registry.ask, "a", "1")
            await wait_all_tasks_blocked()
            outer.start_soon(registry.ask, "a", "2")
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
            gate.set()
    assert world.stores["a"].written == ["1"]


@pytest.mark.parametrize("time", range(TIMES))
async def test_nothing_is_started_in_a_registry_that_ends(nursery, autojump_clock, time):
    store = Told()
    registry = Registry(lambda _key: GroupCommitActor(store))
    refused = trio.Event()

    async def ask_at_the_end():
        await store.closed.wait()
        with pytest.raises(Down):
            await registry.obtain("b")
        refused.set()

    nursery.start_soon(ask_at_the_end)
    async with trio.open_nursery() as running:
        await running.start(registry.run)
        await registry.ask("a", "1")
        running.cancel_scope.cancel()
    await refused.wait()
