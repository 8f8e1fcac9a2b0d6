import gc
import weakref

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from actors import Hub, Lagged, SubscriptionEnded


async def test_one_item_reaches_the_followers_of_each_of_its_topics():
    hub = Hub()
    everything, category, stream, other = (hub.subscribe(t, 10) for t in ("all", "c", "s", "x"))
    hub.publish(("all", "c", "s"), "item")
    for subscription in (everything, category, stream):
        assert await subscription.receive_batch() == ["item"]
    with trio.move_on_after(0):
        await other.receive_batch()
        pytest.fail("an item of another topic arrived")


async def test_items_are_shared_and_not_copied():
    hub = Hub()
    first, second = hub.subscribe("t", 10), hub.subscribe("t", 10)
    item = object()
    hub.publish(("t",), item)
    assert (await first.receive_batch())[0] is (await second.receive_batch())[0] is item


async def test_a_batch_is_everything_that_waits_in_order():
    hub = Hub()
    subscription = hub.subscribe("t", 10)
    for n in range(5):
        hub.publish(("t",), n)
    with assert_checkpoints():
        assert await subscription.receive_batch() == [0, 1, 2, 3, 4]


async def test_a_waiting_subscriber_is_woken(nursery):
    hub = Hub()
    subscription = hub.subscribe("t", 10)
    got = []

    async def receive():
        got.append(await subscription.receive_batch())

    nursery.start_soon(receive)
    await wait_all_tasks_blocked()
    hub.publish(("t",), "item")
    await wait_all_tasks_blocked()
    assert got == [["item"]]


async def test_a_subscriber_that_never_reads_is_bounded_and_hurts_nobody():
    hub = Hub()
    idle, reader = hub.subscribe("t", 3), hub.subscribe("t", 3)
    for n in range(100):
        hub.publish(("t",), n)
        assert await reader.receive_batch() == [n]
    assert hub.statistics().queued == 0
    assert hub.statistics().lagged == 1
    assert await idle.receive_batch() == Lagged(100)


async def test_after_lagged_it_goes_on_from_there():
    hub = Hub()
    subscription = hub.subscribe("t", 1)
    hub.publish(("t",), 1)
    hub.publish(("t",), 2)
    hub.publish(("t",), 3)
    assert await subscription.receive_batch() == Lagged(3)
    hub.publish(("t",), 4)
    assert await subscription.receive_batch() == [4]


async def test_wake_sends_everybody_to_read_once():
    hub = Hub()
    subscriptions = [hub.subscribe(topic, 10) for topic in ("a", "b")]
    hub.wake()
    hub.wake()
    for subscription in subscriptions:
        assert await subscription.receive_batch() == Lagged(0)
        assert not subscription.lagged


async def test_wake_of_a_topic_leaves_the_others_alone():
    hub = Hub()
    a, b = hub.subscribe("a", 10), hub.subscribe("b", 10)
    hub.wake(["a", "nobody follows this"])
    assert a.lagged
    assert not b.lagged


async def test_publish_all_reaches_every_topic():
    hub = Hub()
    subscriptions = [hub.subscribe(topic, 10) for topic in ("a", "b")]
    hub.publish_all("mark")
    for subscription in subscriptions:
        assert await subscription.receive_batch() == ["mark"]


async def test_close_ends_each_subscription_after_draining():
    hub = Hub()
    reader, lagging = hub.subscribe("t", 2), hub.subscribe("t", 1)
    hub.publish(("t",), 1)
    hub.publish(("t",), 2)
    hub.close("gone")
    assert await reader.receive_batch() == [1, 2]
    assert await lagging.receive_batch() == Lagged(2)
    for subscription in (reader, lagging):
        with pytest.raises(SubscriptionEnded) as caught:
            await subscription.receive_batch()
        assert caught.value.reason == "gone"


async def test_close_wakes_a_waiting_subscriber():
    hub = Hub()
    with pytest.RaisesGroup(SubscriptionEnded):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hub.subscribe("t", 2).receive_batch)
            await wait_all_tasks_blocked()
            hub.close()


async def test_subscribing_to_a_closed_hub_ends_at_once():
    hub = Hub()
    hub.close("gone")
    with pytest.raises(SubscriptionEnded) as caught:
        await hub.subscribe("t", 1).receive_batch()
    assert caught.value.reason == "gone"
    assert not hub


async def test_ended_subscriptions_leave_the_hub_open_for_new_ones():
    hub = Hub()
    old = hub.subscribe("t", 1)
    hub.end_subscriptions("token rotated")
    new = hub.subscribe("t", 1)
    old.close()
    hub.publish(("t",), 1)
    assert await new.receive_batch() == [1]


async def test_a_topic_without_subscribers_holds_no_memory():
    hub = Hub()
    with hub.subscribe("t", 1) as subscription:
        hub.publish(("t", "nobody"), 1)
        assert hub
        assert hub.has_subscribers("t")
        gone = weakref.ref(subscription)
    assert not hub
    assert not hub.has_subscribers("t")
    assert hub.statistics().topics == 0
    del subscription
    gc.collect()
    assert gone() is None


async def test_closing_ends_a_receive_in_another_task():
    subscription = Hub().subscribe("t", 1)
    with pytest.RaisesGroup(trio.ClosedResourceError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(subscription.receive_batch)
            await wait_all_tasks_blocked()
            subscription.close()


async def test_a_cancelled_receive_takes_nothing():
    hub = Hub()
    subscription = hub.subscribe("t", 1)
    hub.publish(("t",), 1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await subscription.receive_batch()
    assert scope.cancelled_caught
    assert await subscription.receive_batch() == [1]
