"""Reading: every option, in both directions."""

import json

import msgspec
import pytest
from fixtures.messages import message, one, positions, rows_of, streams_of, write

from mdb.core.messages import AllQuery, Append, CategoryQuery, StreamQuery
from mdb.stores.base import PAGE_BYTES

TYPES = ["A", "B", "A", "C", "B", "A"]


@pytest.fixture
async def filled(space):
    """Stream s-1 at the odd global positions, s-2 and t-1 in turn at the even ones."""
    for n, message_type in enumerate(TYPES):
        await write(space, one("s-1", message_type))
        await write(space, one("t-1" if n % 2 else "s-2", message_type))
    return space


async def test_MDB001_5A_T6_a_stream_is_read_in_order_from_its_beginning(filled):
    rows = rows_of(await filled.read(StreamQuery("s-1"), 1000))
    assert [(row[1], row[2], row[3]) for row in rows] == [
        (message_type, n, 2 * n + 1) for n, message_type in enumerate(TYPES)
    ]
    assert all(len(row) == 7 for row in rows)


STREAM = [
    ({}, 2, [0, 1]),
    ({"position": 0}, 1, [0]),
    ({"position": 2}, 1000, [2, 3, 4, 5]),
    ({"position": 2}, 2, [2, 3]),
    ({"position": 6}, 1000, []),
    ({"position": 2**63 - 1}, 1000, []),
    ({"backward": True}, 1000, [5, 4, 3, 2, 1, 0]),
    ({"backward": True}, 2, [5, 4]),
    ({"backward": True, "position": 3}, 1000, [3, 2, 1, 0]),
    ({"backward": True, "position": 3}, 2, [3, 2]),
    ({"backward": True, "position": 0}, 1000, [0]),
    ({"backward": True, "position": 99}, 1, [5]),
    ({"backward": True, "position": -1}, 1000, []),
    ({"type": "A"}, 1000, [0, 2, 5]),
    ({"type": "A"}, 2, [0, 2]),
    ({"type": "A", "position": 1}, 1, [2]),
    ({"type": "A", "backward": True}, 2, [5, 2]),
    ({"type": "B", "backward": True, "position": 3}, 1000, [1]),
    ({"type": "none"}, 1000, []),
    ({"from_global": 0}, 1000, [0, 1, 2, 3, 4, 5]),
    ({"from_global": 5}, 1000, [2, 3, 4, 5]),
    ({"from_global": 6}, 1000, [3, 4, 5]),
    ({"from_global": 12}, 1000, []),
    ({"from_global": 5, "backward": True}, 1000, [2, 1, 0]),
    ({"from_global": 6, "backward": True}, 2, [2, 1]),
    ({"from_global": 0, "backward": True}, 1000, []),
    ({"from_global": 99, "backward": True}, 1, [5]),
    ({"from_global": 4, "type": "A"}, 1000, [2, 5]),
    ({"upto": 5}, 1000, [0, 1, 2]),
    ({"upto": 6, "backward": True}, 1000, [2, 1, 0]),
]


async def test_MDB001_5A_T7_a_stream_is_read_from_anywhere_as_far_as_wanted(filled):
    for options, limit, expected in STREAM:
        found = await positions(filled, StreamQuery("s-1", **options), limit)
        assert found == expected, (options, limit)


async def test_MDB001_5A_T8_a_category_is_all_its_streams_by_global_position(filled):
    rows = rows_of(await filled.read(CategoryQuery("s"), 1000))
    assert [row[4] for row in rows] == [1, 2, 3, 5, 6, 7, 9, 10, 11]
    assert {row[1] for row in rows} == {"s-1", "s-2"}
    assert [row[1:4] for row in rows[:3]] == [["s-1", "A", 0], ["s-2", "A", 0], ["s-1", "B", 1]]
    assert all(len(row) == 8 for row in rows)


CATEGORY = [
    ({}, 2, [1, 2]),
    ({"position": 3}, 3, [3, 5, 6]),
    ({"position": 4}, 1, [5]),
    ({"position": 0}, 1, [1]),
    ({"position": 12}, 1000, []),
    ({"backward": True}, 1000, [11, 10, 9, 7, 6, 5, 3, 2, 1]),
    ({"backward": True, "position": 4}, 2, [3, 2]),
    ({"backward": True, "position": 5}, 2, [5, 3]),
    ({"backward": True, "position": 0}, 1000, []),
    ({"type": "B"}, 1000, [3, 9, 10]),
    ({"type": "B", "position": 4}, 1, [9]),
    ({"type": "B", "backward": True}, 2, [10, 9]),
    ({"upto": 5}, 1000, [1, 2, 3, 5]),
    ({"upto": 5, "backward": True}, 2, [5, 3]),
]


async def test_a_category_is_read_from_anywhere_as_far_as_wanted(filled):
    for options, limit, expected in CATEGORY:
        found = await positions(filled, CategoryQuery("s", **options), limit)
        assert found == expected, (options, limit)


ALL = [
    ({}, 1000, list(range(1, 13))),
    ({"position": 5}, 2, [5, 6]),
    ({"backward": True}, 3, [12, 11, 10]),
    ({"backward": True, "position": 5}, 2, [5, 4]),
    ({"type": "C"}, 1000, [7, 8]),
    ({"type": "C", "backward": True}, 1, [8]),
    ({"upto": 3}, 1000, [1, 2, 3]),
]


async def test_everything_is_read_by_global_position(filled):
    for options, limit, expected in ALL:
        found = await positions(filled, AllQuery(**options), limit)
        assert found == expected, (options, limit)


async def test_what_is_not_there_is_empty(filled):
    for query in (
        StreamQuery("none-1"),
        CategoryQuery("none"),
        StreamQuery("s"),
        StreamQuery("S-1"),
    ):
        page = await filled.read(query, 10)
        assert (page.rows, page.count, page.more) == (b"", 0, False)


async def test_a_category_is_a_whole_name_not_a_beginning(space):
    await write(space, *(one(s) for s in ("get", "get-", "get-1", "getOther-1", "get:command-1")))
    assert await streams_of(space, "get") == ["get", "get-", "get-1"]
    assert await streams_of(space, "get:command") == ["get:command-1"]
    assert await streams_of(space, "GET") == []


async def test_a_category_is_filtered_by_the_category_of_its_correlation_stream(space):
    await write(
        space,
        one("s-1", correlation="corr-1"),
        one("s-2", correlation="corr"),
        one("s-3", correlation="corrOther-1"),
        one("s-4"),
        one("s-5", correlation="corr-1-2"),
        one("other-1", correlation="corr-1"),
    )
    assert await streams_of(space, "s", correlation="corr") == ["s-1", "s-2", "s-5"]
    assert await streams_of(space, "s", correlation="corr", backward=True) == ["s-5", "s-2", "s-1"]
    assert await streams_of(space, "s", correlation="Corr") == []


async def test_filters_are_judged_before_the_batch_is_cut(space):
    await write(space, *(one("s-1", "A" if n % 10 else "B") for n in range(50)))
    assert await positions(space, StreamQuery("s-1", type="B"), 5) == [0, 10, 20, 30, 40]
    assert await positions(space, CategoryQuery("s", type="B"), 2) == [1, 11]


async def test_a_page_tells_whether_more_may_follow(filled):
    page = await filled.read(StreamQuery("s-1"), 4)
    assert (page.count, page.last, page.more) == (4, 3, True)
    page = await filled.read(StreamQuery("s-1", position=4), 4)
    assert (page.count, page.last, page.more) == (2, 5, False)
    page = await filled.read(CategoryQuery("s"), 2)
    assert (page.count, page.last, page.more) == (2, 2, True)


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("query", [StreamQuery("s-1"), CategoryQuery("s"), AllQuery()])
async def test_a_page_is_bounded_in_bytes(space, query, backward):
    """Large messages come in several pages, the largest one alone, none lost."""
    small, large = b'"%b"' % (b"x" * (PAGE_BYTES // 3)), b'"%b"' % (b"y" * (PAGE_BYTES + 1))
    await write(space, *(one("s-1", data=data) for data in (small, small, small, small, large)))
    query = msgspec.structs.replace(query, backward=backward)
    seen, pages = [], 0
    place = 2 if isinstance(query, StreamQuery) else 4
    while True:
        page = await space.read(query, 1000)
        pages += 1
        assert page.count >= 1 or not page.more
        assert len(page.rows) < PAGE_BYTES + len(large) + 1000
        seen += [row[place] for row in rows_of(page)]
        if not page.more:
            break
        following = page.last + (-1 if backward else 1)
        query = msgspec.structs.replace(query, position=following)
    first = 0 if place == 2 else 1
    assert sorted(seen, reverse=backward) == seen
    assert sorted(seen) == list(range(first, first + 5))
    assert pages >= 3


@pytest.mark.parametrize("query", [StreamQuery("s-1"), CategoryQuery("s"), AllQuery()])
async def test_pages_of_middling_messages_are_full_and_follow_on_each_other(space, query):
    """Some 600 messages of 2 to 8 KiB, some 3 MiB in all."""
    sizes = [2000 + n * 37 % 6000 for n in range(600)]
    await write(space, Append(tuple(message("s-1", data=b'"%b"' % (b"x" * n)) for n in sizes)))
    found, pages = [], []
    while not pages or pages[-1].more:
        pages.append(await space.read(query, 10_000))
        found += [len(row[-3]) for row in rows_of(pages[-1])]
        query = msgspec.structs.replace(query, position=pages[-1].last + 1)
    assert found == sizes
    assert sum(page.count for page in pages) == len(sizes)
    for page in pages[:-1]:
        assert PAGE_BYTES <= len(page.rows) < PAGE_BYTES + (1 << 17)


async def test_MDB001_5A_T11_the_last_message_of_a_stream(filled):
    row = json.loads(await filled.last("s-1", None))
    assert (row[1], row[2], row[3]) == ("A", 5, 11)
    assert await filled.last("none-1", None) is None
    assert await filled.last("s", None) is None


async def test_MDB001_5A_T12_the_last_message_of_a_type(filled):
    row = json.loads(await filled.last("s-1", "B"))
    assert (row[1], row[2]) == ("B", 4)
    row = json.loads(await filled.last("s-1", "C"))
    assert (row[1], row[2]) == ("C", 3)
    assert await filled.last("s-1", "none") is None
    assert await filled.last("s-1", "b") is None


async def test_MDB001_5A_T13_the_version_of_a_stream_is_its_last_position(filled):
    assert await filled.version("s-1") == 5
    assert await filled.version("t-1") == 2
    assert await filled.version("none-1") is None
    assert await filled.version("s") is None


async def test_the_head_is_the_highest_global_position(space):
    assert await space.head() == 0
    written = await write(space, one("s-1"), one("s-2"))
    assert await space.head() == written[-1][1]
