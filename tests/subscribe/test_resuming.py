"""Resuming: Last-Event-ID, resets, bare ids."""

import pytest
import trio
from fixtures.messages import message
from fixtures.served import server
from fixtures.sse import as_poke, followers, following

from mdb import feed, follow
from mdb.core.messages import Append


async def fill(namespace, *streams):
    await namespace.append(Append(tuple(message(stream) for stream in streams)))


@pytest.fixture
async def history(namespace):
    """s-1 and t-1 in turn, global positions 1 to 8."""
    await fill(namespace, *["s-1", "t-1"] * 4)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("all=true", [4, 5, 6, 7, 8]),
        ("category=s", [5, 7]),
        ("stream=s-1", [5, 7]),
        ("stream=s-1&position=3", [5, 7]),
        ("all=true&position=7", [4, 5, 6, 7, 8]),
        ("category=s&position=end", [5, 7]),
    ],
)
async def test_it_resumes_above_the_last_event_and_that_wins_over_the_position(
    served, history, query, expected
):
    for suffix, headers in (("", [("Last-Event-ID", "3")]), ("&lastEventId=3", [])):
        async with following(served, query + suffix, headers=headers) as events:
            await events.ready()
            pokes = await events.pokes(len(expected))
            assert [poke.global_position for poke in pokes] == expected


async def test_a_client_that_comes_back_hears_everything_once(served, namespace):
    seen, last_id = [], None
    for _ in range(6):
        await fill(namespace, *["s-1"] * 5)
        headers = [] if last_id is None else [("Last-Event-ID", last_id)]
        async with following(served, "stream=s-1", headers=headers) as events:
            await events.ready()
            seen += [poke.position for poke in await events.pokes(4)]
            last_id = events.last_id
    assert seen == list(range(24))


async def test_at_the_head_there_is_nothing_but_what_comes(served, history, write):
    async with following(served, "all=true", headers=[("Last-Event-ID", "8")]) as events:
        await events.ready()
        assert await write("s-1") == [9]
        assert (await events.poke()).global_position == 9


@pytest.mark.parametrize(
    ("query", "expected"),
    [("all=true", [1, 2, 3]), ("all=true&position=7", [7, 8]), ("stream=s-1&position=2", [5, 7])],
)
async def test_above_the_head_it_is_reset_and_begins_anew(served, history, query, expected):
    async with following(served, query, headers=[("Last-Event-ID", "9")]) as events:
        await events.ready()
        assert (await events.next()).event == "reset"
        pokes = await events.pokes(len(expected))
        assert [poke.global_position for poke in pokes] == expected


async def test_above_the_head_and_at_the_end_it_is_reset_and_waits(served, history, write):
    query = "all=true&position=end&lastEventId=99"
    async with following(served, query) as events:
        await events.ready()
        assert (await events.next()).event == "reset"
        await write("s-1")
        assert (await events.poke()).global_position == 9


async def test_a_namespace_made_anew_resets_who_followed_the_old_one(served, history, write):
    async with following(served, "all=true") as events:
        await events.ready()
        await events.pokes(8)
        last_id = events.last_id
        await served.call("ns.delete", "tests")
    served.own = await served.create("tests")
    await write("new-1")
    async with following(served, "all=true", headers=[("Last-Event-ID", last_id)]) as events:
        await events.ready()
        assert (await events.next()).event == "reset"
        assert (await events.poke()).stream == "new-1"


async def test_an_empty_last_event_id_is_none(served, history):
    """An EventSource that has seen no id, or was reset, sends none or an empty one."""
    async with following(served, "all=true", headers=[("Last-Event-ID", "")]) as events:
        await events.ready()
        assert (await events.poke()).global_position == 1


async def test_far_from_a_poke_a_filtered_subscriber_is_told_how_far_it_is(served, namespace):
    await fill(namespace, "s-1", *["t-1"] * 999)
    for _ in range(3):
        await fill(namespace, *["t-1"] * 1000)
    async with following(served, "category=s") as events:
        await events.ready()
        assert (await events.poke()).global_position == 1
        event = await events.next()
        assert (event.event, event.data) == (None, None)
        assert 1 < int(event.id) <= 4000
        last_id = events.last_id
    await fill(namespace, "s-1")
    async with following(served, "category=s", headers=[("Last-Event-ID", last_id)]) as events:
        await events.ready()
        assert (await events.poke()).global_position == 4001


async def test_live_a_filtered_subscriber_is_told_how_far_it_is_with_a_keep_alive():
    async with server(keep_alive=0.05) as served:
        namespace = await served.database.namespace("tests")
        async with following(served, "category=s") as events:
            await events.ready()
            await fill(namespace, *["t-1"] * 20)
            while events.last_id is None:
                event = await events.next()
                assert event.event is None
            assert events.last_id == "20"
            await fill(namespace, "s-1")
            while (event := await events.next()).event is None:
                assert int(event.id or 0) <= 21
            assert as_poke(event).global_position == 21


async def test_what_lies_before_a_streams_position_stays_left_out_after_a_resume():
    """The position is not reached yet, so there is nothing to resume from."""
    async with server(keep_alive=0.05) as served:
        namespace = await served.database.namespace("tests")
        await fill(namespace, *["s-1"] * 3, *["t-1"] * 20)
        async with following(served, "stream=s-1&position=5") as events:
            await events.ready()
            for _ in range(3):
                while (await events.next()).comment != "keep-alive":
                    pass
            last_id = events.last_id
        await fill(namespace, *["s-1"] * 4)
        headers = [] if last_id is None else [("Last-Event-ID", last_id)]
        async with following(served, "stream=s-1&position=5", headers=headers) as events:
            await events.ready()
            assert [poke.position for poke in await events.pokes(2)] == [5, 6]
            await fill(namespace, *["t-1"] * 20)
            while events.last_id != "47":
                await events.next()


@pytest.mark.parametrize("query", ["all=true", "category=s", "stream=s-1"])
async def test_who_began_at_the_end_and_comes_back_hears_what_came_meanwhile(
    served, history, write, query
):
    async with following(served, f"{query}&position=end") as events:
        await events.ready()
        assert (await events.next()).id == "8"
    await write("s-1")
    headers = [("Last-Event-ID", events.last_id)]
    async with following(served, f"{query}&position=end", headers=headers) as events:
        await events.ready()
        assert (await events.poke()).global_position == 9


async def test_in_silence_it_says_that_it_lives():
    async with server(keep_alive=0.02) as served, following(served, "all=true") as events:
        await events.ready()
        for _ in range(3):
            assert (await events.next()).comment == "keep-alive"


async def test_a_slow_subscriber_past_its_bound_misses_nothing(served, namespace, monkeypatch):
    """It reads nothing while far more is written than its place in the feed and the buffers of
    its connection hold; the others hear everything meanwhile."""
    monkeypatch.setattr(feed, "CAPACITY", 10)
    monkeypatch.setattr(follow, "PAGE", 50)
    name = "s-" + "x" * 400
    total, heard = 8000, []
    async with following(served, "all=true") as slow, following(served, "all=true") as quick:
        await slow.ready()
        await quick.ready()

        async def read():
            heard.extend([poke.global_position for poke in await quick.pokes(total)])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            for _ in range(total // 100):
                await fill(namespace, *[name] * 100)
        assert heard == list(range(1, total + 1))
        assert namespace.feed.hub.statistics().lagged > 0
        assert namespace.feed.hub.statistics().queued <= 20
        pokes = await slow.pokes(total)
        assert [poke.global_position for poke in pokes] == list(range(1, total + 1))
    await followers(served, 0)
