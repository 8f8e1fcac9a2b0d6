import pytest
import trio
from registry_world import World, request
from trio.testing import wait_all_tasks_blocked

from actors import (
    DeadlinePassed,
    Down,
    OutcomeUnknown,
    Overloaded,
    Registry,
    Unavailable,
)


@pytest.fixture
def world():
    return World()


async def test_an_actor_starts_on_first_use_and_once(nursery, autojump_clock, world):
    registry = Registry(world)
    await nursery.start(registry.run)
    assert registry.get("a") is None
    assert world.made == []
    assert await registry.ask("a", "1") == ("wrote", "1")
    assert await registry.ask("a", "2") == ("wrote", "2")
    assert registry.get("a") is await registry.obtain("a")
    assert world.made == ["a"]


async def test_many_first_uses_at_once_share_one_start(nursery, autojump_clock, world):
    registry = Registry(world)
    await nursery.start(registry.run)
    async with trio.open_nursery() as askers:
        for n in range(100):
            askers.start_soon(registry.ask, "a", str(n))
    assert world.made == ["a"]
    assert len(world.stores["a"].written) == 100


async def test_an_actor_does_not_inherit_the_context_of_who_asked(nursery, autojump_clock, world):
    registry = Registry(world)
    request.set("of the registry")
    await nursery.start(registry.run)
    request.set("of a request")
    await registry.ask("a", "1")
    assert world.contexts == ["of the registry"]


async def test_an_actor_outlives_the_asker_that_started_it(nursery, autojump_clock, world):
    registry = Registry(world)
    await nursery.start(registry.run)
    gate = trio.Event()
    world.prepare = lambda store: store.plan("open", gate)
    with trio.move_on_after(1):
        await registry.ask("a", "1")
    gate.set()
    await wait_all_tasks_blocked()
    assert registry.get("a") is not None


async def test_an_idle_actor_is_stopped(nursery, autojump_clock, world):
    registry = Registry(world, idle_timeout=60)
    await nursery.start(registry.run)
    await registry.ask("a", "1")
    await trio.sleep(59)
    assert world.running() == ["a"]
    await trio.sleep(2)
    assert world.running() == []
    assert registry.get("a") is None
    await registry.ask("a", "2")
    assert world.made == ["a", "a"]


async def test_use_keeps_an_actor_alive(nursery, autojump_clock, world):
    registry = Registry(world, idle_timeout=60)
    await nursery.start(registry.run)
    for _ in range(10):
        await registry.ask("a", "1")
        await trio.sleep(50)
    assert world.made == ["a"]


async def test_a_held_actor_is_not_stopped_for_idleness(nursery, autojump_clock, world):
    registry = Registry(world, idle_timeout=60)
    await nursery.start(registry.run)
    async with registry.hold("a") as actor:
        await trio.sleep(1000)
        assert registry.get("a") is actor
    await trio.sleep(200)
    assert world.running() == []


async def test_the_least_recently_used_makes_room(nursery, autojump_clock, world):
    registry = Registry(world, max_alive=2)
    await nursery.start(registry.run)
    for key in "aba":
        await registry.ask(key, "1")
    await registry.ask("c", "1")
    assert world.running() == ["a", "c"]


async def test_no_more_than_the_bound_are_ever_open(nursery, autojump_clock, world):
    registry = Registry(world, max_alive=2)
    await nursery.start(registry.run)
    await registry.ask("a", "1")
    await registry.ask("b", "1")
    world.stores["a"].plan("close", gate := trio.Event())
    nursery.start_soon(registry.ask, "c", "1")
    await wait_all_tasks_blocked()
    assert world.made == ["a", "b"]
    gate.set()
    await wait_all_tasks_blocked()
    assert world.running() == ["b", "c"]


async def test_without_an_idle_one_to_stop_it_is_overloaded(nursery, autojump_clock, world):
    registry = Registry(world, max_alive=2)
    await nursery.start(registry.run)
    await registry.obtain("b")
    world.stores["b"].plan("commit", trio.Event())
    nursery.start_soon(registry.ask, "b", "busy")
    await wait_all_tasks_blocked()
    async with registry.hold("a"):
        with pytest.raises(Overloaded):
            await registry.ask("c", "1")
    assert await registry.ask("c", "1") == ("wrote", "1")
    nursery.cancel_scope.cancel()


async def test_a_key_asked_for_while_it_stops_starts_after_the_old_one(
    nursery, autojump_clock, world
):
    registry = Registry(world)
    await nursery.start(registry.run)
    await registry.ask("a", "1")
    old = world.stores["a"]
    old.plan("close", gate := trio.Event())
    nursery.start_soon(registry.remove, "a")
    await wait_all_tasks_blocked()
    nursery.start_soon(registry.ask, "a", "2")
    await wait_all_tasks_blocked()
    assert world.made == ["a"]
    gate.set()
    await wait_all_tasks_blocked()
    assert not old.is_open
    assert world.stores["a"].written == ["2"]


async def test_a_successor_stopped_in_its_turn_does_not_let_two_run(nursery, autojump_clock, world):
    registry = Registry(world)
    await nursery.start(registry.run)
    await registry.ask("a", "1")
    old = world.stores["a"]
    old.plan("close", trio.Event())  # takes its limit of 5 s
    removed = []

    async def remove():
        await registry.remove("a")
        removed.append(world.running())

    nursery.start_soon(remove)
    await wait_all_tasks_blocked()
    with trio.move_on_after(1):
        await registry.obtain("a")
    nursery.start_soon(remove)
    await wait_all_tasks_blocked()
    assert removed == []
    nursery.start_soon(registry.ask, "a", "2")
    await wait_all_tasks_blocked()
    assert world.made == ["a"]
    await trio.sleep(5)
    assert world.made == ["a", "a"]
    assert len(removed) == 2


async def test_remove_drains_and_waits_for_the_end(nursery, autojump_clock, world):
    registry = Registry(world)
    await nursery.start(registry.run)
    actor = await registry.obtain("a")
    calls = actor.mailbox.put_all([("1", 0), ("2", 0)])
    await registry.remove("a")
    assert [await call.wait() for call in calls] == [("wrote", "1"), ("wrote", "2")]
    assert world.running() == []
    await registry.remove("nobody")


async def test_remove_is_bounded(nursery, autojump_clock, world):
    registry = Registry(world, stop_grace=10)
    await nursery.start(registry.run)
    actor = await registry.obtain("a")
    world.stores["a"].plan("commit", OutcomeUnknown())
    world.stores["a"].always("settle", Unavailable())
    call = actor.mailbox.put("1")
    await wait_all_tasks_blocked()
    began = trio.current_time()
    await registry.remove("a")
    assert trio.current_time() - began == 10
    with pytest.raises(OutcomeUnknown):
        await call.wait()


async def test_removing_a_starting_actor_sends_its_askers_away(autojump_clock, world):
    registry = Registry(world, stop_grace=3)
    world.prepare = lambda store: store.plan("open", trio.Event())
    with pytest.RaisesGroup(Down):
        async with trio.open_nursery() as nursery:
            await nursery.start(registry.run)
            nursery.start_soon(registry.ask, "a", "1")
            await wait_all_tasks_blocked()
            await registry.remove("a")
    assert trio.current_time() == 3


async def test_a_failing_start_is_told_to_every_asker_and_nobody_else(
    nursery, autojump_clock, world
):
    registry = Registry(world)
    await nursery.start(registry.run)
    await registry.ask("b", "1")
    gate = trio.Event()
    world.prepare = lambda store: store.plan("open", Unavailable("no route"))
    errors = []

    async def ask():
        try:
            await registry.ask("a", "1")
        except Unavailable as error:
            errors.append(str(error))

    async with trio.open_nursery() as askers:
        askers.start_soon(ask)
        askers.start_soon(ask)
    assert errors == ["no route"] * 2
    world.prepare = lambda store: None
    assert await registry.ask("a", "1") == ("wrote", "1")
    assert await registry.ask("b", "2") == ("wrote", "2")
    gate.set()


async def test_a_factory_that_fails_is_told_to_the_asker(nursery, autojump_clock):
    def factory(key):
        raise LookupError(key)

    registry = Registry(factory)
    await nursery.start(registry.run)
    with pytest.raises(LookupError):
        await registry.obtain("a")


async def test_an_actor_that_gives_up_leaves_the_others_and_cools_down(
    nursery, autojump_clock, world, caplog
):
    gave_up = []
    registry = Registry(world, cool_down=5, on_give_up=lambda *args: gave_up.append(args))
    await nursery.start(registry.run)
    await registry.obtain("a")
    await registry.ask("b", "1")
    world.stores["a"].plan("commit", Unavailable())
    world.stores["a"].plan("open", ValueError("no permission"))
    with pytest.raises(Unavailable, match="no permission"):
        await registry.ask("a", "1")
    assert [key for key, _ in gave_up] == ["a"]
    assert "'a' gave up" in caplog.text
    assert await registry.ask("b", "2") == ("wrote", "2")
    with pytest.raises(Unavailable, match=r"started again in 5\.0 s"):
        await registry.ask("a", "2")
    await trio.sleep(6)
    assert await registry.ask("a", "3") == ("wrote", "3")


async def test_a_deadline_that_passes_in_the_queue_is_told_in_time(nursery, autojump_clock, world):
    registry = Registry(world)
    await nursery.start(registry.run)
    await registry.obtain("a")
    world.stores["a"].plan("commit", gate := trio.Event())
    nursery.start_soon(registry.ask, "a", "1")
    await wait_all_tasks_blocked()
    with pytest.raises(DeadlinePassed):
        await registry.ask("a", "2", deadline=trio.current_time() + 1)
    assert 1 <= trio.current_time() <= 1.5
    gate.set()
    await trio.sleep(1)
    assert world.stores["a"].written == ["1"]


async def test_a_deadline_that_passes_in_the_commit_waits_for_the_grace(
    nursery, autojump_clock, world
):
    registry = Registry(world, expire_grace=5)
    await nursery.start(registry.run)
    await registry.obtain("a")
    world.stores["a"].plan("written", trio.Event())
    with pytest.raises(OutcomeUnknown):
        await registry.ask("a", "1", deadline=trio.current_time() + 1)
    assert 6 <= trio.current_time() <= 6.5
    nursery.cancel_scope.cancel()


async def test_a_deadline_that_passes_while_the_actor_starts(nursery, autojump_clock, world):
    registry = Registry(world)
    await nursery.start(registry.run)
    world.prepare = lambda store: store.plan("open", trio.Event())
    with pytest.raises(DeadlinePassed):
        await registry.ask("a", "1", deadline=trio.current_time() + 1)
    assert world.stores["a"].written == []


async def test_starting_actors_do_not_put_off_the_deadlines_of_others(
    nursery, autojump_clock, world
):
    registry = Registry(world)
    await nursery.start(registry.run)
    await registry.obtain("a")
    world.stores["a"].plan("commit", trio.Event())
    call = (await registry.obtain("a")).mailbox.put("1")
    await wait_all_tasks_blocked()
    late = (await registry.obtain("a")).mailbox.put("2", deadline=trio.current_time() + 1)
    for n in range(20):
        await registry.obtain(n)
        await trio.sleep(0.1)
    assert late.done
    assert not call.done
    nursery.cancel_scope.cancel()


async def test_without_work_the_registry_sleeps(nursery, mock_clock, world):
    registry = Registry(world, idle_timeout=1000)
    await nursery.start(registry.run)
    await registry.ask("a", "1")
    mock_clock.jump(10)  # past the last look at what waits, and past the actor's release
    await wait_all_tasks_blocked()
    mock_clock.jump(10)
    await wait_all_tasks_blocked()
    assert trio.lowlevel.current_statistics().seconds_to_next_deadline > 900


async def test_statistics_count_the_lives(nursery, autojump_clock, world):
    registry = Registry(world)
    await nursery.start(registry.run)
    await registry.ask("a", "1")
    async with registry.hold("b"):
        statistics = registry.statistics()
        assert (statistics.alive, statistics.pinned, statistics.started) == (2, 1, 2)
    await registry.remove("a")
    assert registry.statistics().alive == 1
