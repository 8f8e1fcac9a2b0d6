"""GET /subscribe: what was written, then what is being written; each message once, in order."""

import pytest
import trio
from fixtures.messages import message
from fixtures.sse import Poke, encoded, following

from mdb import follow
from mdb.core.messages import Append


async def fill(namespace, *streams, correlation=None):
    """Write a history in one transaction."""
    messages = tuple(message(stream, correlation=correlation) for stream in streams)
    await namespace.append(Append(messages))


async def test_it_is_ready_before_anything_else(served, namespace):
    await fill(namespace, "s-1")
    async with following(served, "all=true") as events:
        await events.ready()
        assert await events.poke() == Poke("s-1", 0, 1)
    assert events.headers["cache-control"] == "no-store"


async def test_history_then_what_is_written(served, write, namespace):
    await fill(namespace, "s-1", "t-1", "s-1")
    for query, history in (
        ("stream=s-1", [1, 3]),
        ("category=s", [1, 3]),
        ("all=true", [1, 2, 3]),
    ):
        async with following(served, query) as events:
            await events.ready()
            pokes = await events.pokes(len(history))
            assert [poke.global_position for poke in pokes] == history
    async with (
        following(served, "stream=s-1&position=2") as stream,
        following(served, "category=s&position=4") as category,
        following(served, "all=true&position=4") as everything,
    ):
        for events in (stream, category, everything):
            await events.ready()
        await write("s-1", "t-1", "s-1")
        for events, expected in ((stream, [4, 6]), (category, [4, 6]), (everything, [4, 5, 6])):
            pokes = await events.pokes(len(expected))
            assert [poke.global_position for poke in pokes] == expected


async def test_a_history_of_many_pages_is_told_whole(served, namespace, monkeypatch):
    monkeypatch.setattr(follow, "PAGE", 100)
    await fill(namespace, *(f"s-{n % 3}" for n in range(750)))
    async with following(served, "category=s") as events:
        await events.ready()
        pokes = await events.pokes(750)
        assert [poke.global_position for poke in pokes] == list(range(1, 751))
        assert [p.position for p in pokes if p.stream == "s-1"] == list(range(250))


@pytest.mark.parametrize("query", ["all=true", "category=s", "stream=s-1"])
async def test_nothing_is_missed_between_history_and_live(served, namespace, query, monkeypatch):
    """A writer goes on while subscribers come: each hears all of it, once, in order."""
    monkeypatch.setattr(follow, "PAGE", 7)
    total = 400
    seen = []

    async def writer():
        for _ in range(total // 8):
            await fill(namespace, *["s-1"] * 8)

    async def subscriber():
        async with following(served, query) as events:
            await events.ready()
            seen.append([poke.global_position for poke in await events.pokes(total)])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer)
        for _ in range(6):
            nursery.start_soon(subscriber)
    assert seen == [list(range(1, total + 1))] * 6


async def test_a_write_answered_after_ready_is_poked(served, write):
    async with following(served, "stream=s-1") as events:
        await events.ready()
        (at,) = await write("s-1")
        assert await events.poke() == Poke("s-1", 0, at)


async def test_several_subscribers_each_hear_everything(served, write):
    async with (
        following(served, "all=true") as one,
        following(served, "all=true") as two,
        following(served, "category=s") as three,
    ):
        for events in (one, two, three):
            await events.ready()
        expected = await write("s-1", "s-2", "s-1")
        for events in (one, two, three):
            assert [poke.global_position for poke in await events.pokes(3)] == expected


async def test_refused_and_repeated_writes_are_not_poked(served):
    async with following(served, "all=true") as events:
        await events.ready()
        given = {"id": "01234567-89ab-4cde-8f01-23456789abcd"}
        for options in (given, given, {"expectedVersion": 7}, {}):
            await served.call("stream.write", "s-1", {"type": "T", "data": 1}, options)
        assert [poke.position for poke in await events.pokes(2)] == [0, 1]


async def test_a_subscriber_hears_its_own_namespace_only(served, write):
    other = await served.create("other")
    async with following(served, "all=true") as events:
        await events.ready()
        await write("theirs-1", token=other)
        await write("mine-1")
        assert (await events.poke()).stream == "mine-1"


async def test_names_are_as_they_were_written(served, write):
    names = ["s-ä", 's-"x"', "s-a b&c=d+e", "s-\U0001f600\u2028"]
    async with following(served, "category=s") as events:
        await events.ready()
        await write(*names)
        assert [poke.stream for poke in await events.pokes(4)] == names
    for name in names:
        async with following(served, encoded(stream=name)) as events:
            await events.ready()
            assert (await events.poke()).stream == name


async def test_a_stream_without_an_id_is_followed_as_itself(served, write):
    await write("s", "s-1", "s")
    async with following(served, "stream=s") as events:
        await events.ready()
        assert [poke.global_position for poke in await events.pokes(2)] == [1, 3]


async def test_a_consumer_group_divides_history_and_live(served, write, namespace):
    names = [f"s-{n}" for n in range(12)]
    await fill(namespace, *names)
    heard = []
    async with (
        following(served, "category=s&consumer=0&size=2") as zero,
        following(served, "category=s&consumer=1&size=2") as one,
    ):
        for member, events in enumerate((zero, one)):
            await events.ready()
            group = {"consumerGroup": {"member": member, "size": 2}}
            mine = [row[1] for row in (await served.call("category.get", "s", group)).result]
            assert [poke.stream for poke in await events.pokes(len(mine))] == mine
            heard.append(mine)
        await write(*names)
        for events, mine in zip((zero, one), heard, strict=True):
            assert [poke.stream for poke in await events.pokes(len(mine))] == mine
    assert sorted(heard[0] + heard[1]) == sorted(names)
    assert heard[0]
    assert heard[1]


async def test_a_category_by_correlation_in_history_and_live(served, write):
    of = {"correlationStreamName": "corr-1"}
    other = {"correlationStreamName": "other-1"}
    first = await write("s-1", metadata=of)
    await write("s-1", metadata=other)
    async with following(served, "category=s&correlation=corr") as events:
        await events.ready()
        assert (await events.poke()).global_position == first[0]
        await write("s-1", metadata=other)
        await write("s-1")
        last = await write("s-2", metadata={**of, "x": 1})
        assert (await events.poke()).global_position == last[0]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("stream=s-1&position=1", [3, 5]),
        ("stream=s-1&position=-4", [1, 3, 5]),
        ("stream=s-1&position=0", [1, 3, 5]),
        ("category=s&position=2", [3, 5]),
        ("category=s&position=3", [3, 5]),
        ("category=s&position=-1", [1, 3, 5]),
        ("all=true&position=4", [4, 5, 6]),
        ("all=true&position=0", [1, 2, 3, 4, 5, 6]),
        ("all=true", [1, 2, 3, 4, 5, 6]),
    ],
)
async def test_it_begins_at_a_position(served, namespace, query, expected):
    await fill(namespace, "s-1", "t-1", "s-1", "t-1", "s-1", "t-1")
    async with following(served, query) as events:
        await events.ready()
        pokes = await events.pokes(len(expected))
        assert [poke.global_position for poke in pokes] == expected


@pytest.mark.parametrize("query", ["stream=s-1", "category=s", "all=true"])
async def test_it_begins_at_the_end(served, write, query):
    await write("s-1", "s-1")
    async with following(served, f"{query}&position=end") as events:
        await events.ready()
        (at,) = await write("s-1")
        assert await events.poke() == Poke("s-1", 2, at)


async def test_a_position_above_what_is_there_is_waited_for(served, write):
    async with following(served, "stream=s-1&position=2") as events:
        await events.ready()
        await write("s-1", "s-1", "s-1")
        assert (await events.poke()).position == 2
