"""Notices: what a store tells followers of what it holds."""

import sys

import pytest
from fixtures.messages import one, streams_of, write

from mdb.core.messages import Follow


def places(page):
    return [(poke.stream, poke.position, poke.global_position) for poke in page.pokes]


@pytest.fixture
async def filled(space):
    """Global positions 1 to 12: s-0, s-1, s-2, t-0, and so on round."""
    names = ["s-0", "s-1", "s-2", "t-0"]
    await write(space, *(one(names[n % 4], correlation=f"c{n % 2}-1") for n in range(12)))
    return space


async def test_everything_is_told_in_order(filled):
    page = await filled.pokes(Follow("all"), 0, 1000)
    assert [poke.global_position for poke in page.pokes] == list(range(1, 13))
    assert places(page)[:5] == [
        ("s-0", 0, 1),
        ("s-1", 0, 2),
        ("s-2", 0, 3),
        ("t-0", 0, 4),
        ("s-0", 1, 5),
    ]
    assert (page.upto, page.more) == (12, False)


async def test_a_limit_cuts_and_the_next_read_goes_on_from_there(filled):
    for follow, expected in (
        (Follow("all"), list(range(1, 13))),
        (Follow("category", "s"), [1, 2, 3, 5, 6, 7, 9, 10, 11]),
        (Follow("stream", "s-1"), [2, 6, 10]),
    ):
        seen, after, more = [], 0, True
        while more:
            page = await filled.pokes(follow, after, 2)
            assert len(page.pokes) <= 2
            seen += [poke.global_position for poke in page.pokes]
            assert page.upto >= after
            after, more = page.upto, page.more
        assert seen == expected
        assert after == 12


async def test_it_begins_above_a_position(filled):
    for after, expected in ((0, [2, 6, 10]), (1, [2, 6, 10]), (2, [6, 10]), (10, []), (99, [])):
        page = await filled.pokes(Follow("stream", "s-1"), after, 10)
        assert [poke.global_position for poke in page.pokes] == expected
        assert page.upto == max(after, 12)
        assert not page.more
    page = await filled.pokes(Follow("category", "t"), 4, 10)
    assert [poke.global_position for poke in page.pokes] == [8, 12]


async def test_a_stream_is_told_from_a_stream_position(filled):
    page = await filled.pokes(Follow("stream", "s-1", min_position=1), 0, 10)
    assert places(page) == [("s-1", 1, 6), ("s-1", 2, 10)]
    page = await filled.pokes(Follow("stream", "s-1", min_position=1), 6, 10)
    assert places(page) == [("s-1", 2, 10)]


async def test_a_category_is_told_by_group_and_correlation(filled):
    members = [await filled.pokes(Follow("category", "s", group=(m, 3)), 0, 100) for m in range(3)]
    for member, page in enumerate(members):
        names = await streams_of(filled, "s", group=(member, 3))
        assert [poke.stream for poke in page.pokes] == names
        assert page.upto == 12
    assert sum(len(page.pokes) for page in members) == 9
    page = await filled.pokes(Follow("category", "s", correlation="c1"), 0, 100)
    assert [poke.global_position for poke in page.pokes] == [2, 6, 10]


async def test_nothing_to_tell_is_progress_too(space):
    assert await space.pokes(Follow("all"), 0, 10) == await space.pokes(Follow("all"), 0, 10)
    page = await space.pokes(Follow("category", "s"), 0, 10)
    assert (page.pokes, page.upto, page.more) == ((), 0, False)
    await write(space, one("t-1"), one("t-1"))
    page = await space.pokes(Follow("category", "s"), 0, 10)
    assert (page.pokes, page.upto, page.more) == ((), 2, False)


async def test_a_filter_that_matches_little_is_read_in_windows(space, monkeypatch):
    """The window bounds each read; it is made small here, instead of the history large."""
    for name, module in list(sys.modules.items()):
        if name.startswith("mdb.stores.") and hasattr(module, "POKES_WINDOW"):
            monkeypatch.setattr(module, "POKES_WINDOW", 10)
    await write(space, one("s-1"), *(one("t-1") for _ in range(34)), one("s-1"))
    seen, after, reads, more = [], 0, 0, True
    while more:
        page = await space.pokes(Follow("category", "s"), after, 100)
        assert page.upto - after <= 10
        seen += [poke.global_position for poke in page.pokes]
        after, more, reads = page.upto, page.more, reads + 1
    assert (seen, after, reads) == ([1, 36], 36, 4)
