"""Counts, and lists of streams and categories."""

import time

from fixtures.messages import one, write

from mdb.core.messages import CategoryInfo


async def test_counts_of_an_empty_namespace(space):
    stats = await space.stats()
    assert (stats.message_count, stats.stream_count, stats.head) == (0, 0, 0)
    assert stats.last_activity is None
    assert await space.message_count() == 0
    assert await space.streams("", "", 10) == []
    assert await space.categories() == []


async def test_counts_follow_what_is_written(space):
    before = time.time_ns() // 1000
    written = await write(space, *(one(f"s-{n % 3}") for n in range(10)))
    after = time.time_ns() // 1000
    stats = await space.stats()
    assert (stats.message_count, stats.stream_count, stats.head) == (10, 3, written[-1][1])
    assert before <= stats.last_activity <= after
    assert await space.message_count() == 10


NAMES = ["a", "a-", "a-1", "a-10", "a-2", "a0", "b-1", "Z-1", "ä-1", "\U0001f600-1", "\uffee-1"]


async def test_streams_are_listed_by_code_point(space):
    await write(space, *(one(name) for name in NAMES), one("a-1"))
    listed = await space.streams("", "", 100)
    assert [entry.stream for entry in listed] == sorted(NAMES)
    versions = {entry.stream: entry.version for entry in listed}
    assert versions.pop("a-1") == 1
    assert set(versions.values()) == {0}
    assert all(entry.last_activity > 0 for entry in listed)


async def test_streams_are_listed_by_prefix_page_by_page(space):
    await write(space, *(one(name) for name in NAMES))
    for prefix in ("", "a", "a-", "a-1", "b", "x", "\U0001f600"):
        expected = sorted(name for name in NAMES if name.startswith(prefix))
        found, cursor = [], ""
        while page := await space.streams(prefix, cursor, 2):
            assert len(page) <= 2
            found += [entry.stream for entry in page]
            cursor = found[-1]
        assert found == expected, prefix


async def test_a_cursor_need_not_be_a_stream(space):
    await write(space, *(one(name) for name in ("a-1", "b-1", "c-1")))
    assert [e.stream for e in await space.streams("", "b", 10)] == ["b-1", "c-1"]
    assert [e.stream for e in await space.streams("", "b-1", 10)] == ["c-1"]
    assert await space.streams("a", "b", 10) == []
    assert await space.streams("", "z", 10) == []
    assert [e.stream for e in await space.streams("b", "a", 10)] == ["b-1"]


async def test_a_prefix_is_no_pattern(space):
    await write(space, *(one(name) for name in ("a%b-1", "a_b-1", "axb-1", "A%b-1", "a\\b-1")))
    for prefix in ("a%", "a_", "a\\", "A"):
        assert len(await space.streams(prefix, "", 10)) == 1, prefix


async def test_categories_are_counted_by_name(space):
    names = ["b-1", "a-1", "a-2", "a", "a-1", "B-1", "a:c-1"]
    await write(space, *(one(name) for name in names))
    assert list(await space.categories()) == [
        CategoryInfo("B", 1, 1),
        CategoryInfo("a", 3, 4),
        CategoryInfo("a:c", 1, 1),
        CategoryInfo("b", 1, 1),
    ]
