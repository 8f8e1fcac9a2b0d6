"""Pages and notices as the store's named queries give them."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.fixtures.postgres import Connection
from tests.postgres.reading import page, pokes, query

MIB = 1 << 20
ALL = 2**63 - 1


async def put(conn: Connection, *rows: tuple[Any, ...]) -> None:
    """Rows of (global position, stream, position, type, data, metadata); the last three default."""
    for row in rows:
        gpos, stream, position, kind, data, metadata = row + ("T", "{}", None)[len(row) - 3 :]
        await conn.execute(
            """insert into messages
            (global_position, id, stream_name, position, type, data, metadata)
            values ($1, $2, $3, $4, $5, $6, $7)""",
            gpos, uuid.UUID(int=gpos), stream, position, kind, data, metadata,
        )  # fmt: skip


def global_positions(rows: list[tuple[int, list[Any]]]) -> list[int]:
    return [message[-4] for _, message in rows]


async def test_the_layout_of_a_stream_and_of_a_category(message_store: Connection) -> None:
    await put(
        message_store, (7, 'a-"\\é\u2028', 0, 'T"1', '{"n": 12345678901234567890.10}', '{"m": []}')
    )
    await message_store.execute("update messages set time = '2026-01-15 10:30:00.123999'")
    mark = "00000000-0000-0000-0000-000000000007"
    text = await message_store.fetchval(
        "select message from stream_page($1, true, null, null, null, 10, 10)", 'a-"\\é\u2028'
    )
    assert text == (
        f'["{mark}","T\\"1",0,7,{{"n": 12345678901234567890.10}},{{"m": []}},'
        '"2026-01-15T10:30:00.123Z"]'
    )
    [(cursor, message)] = await page(message_store, "all_page", True, None, None, None, 10, MIB)
    assert cursor == 7
    assert message[:4] == [mark, 'a-"\\é\u2028', 'T"1', 0]
    assert message[4:] == json.loads(text)[3:]


async def test_sql_null_reads_as_null(message_store: Connection) -> None:
    await put(message_store, (1, "a-1", 0, "T", None, None))
    await message_store.execute("update messages set time = 'infinity'")
    [(_, message)] = await page(message_store, "all_page", True, None, None, None, 10, MIB)
    assert message[-3:] == [None, None, None]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((True, None, None, None), [0, 1, 2, 3]),
        ((True, 2, None, None), [2, 3]),
        ((True, -5, None, None), [0, 1, 2, 3]),
        ((True, 9, None, None), []),
        ((False, None, None, None), [3, 2, 1, 0]),
        ((False, 2, None, None), [2, 1, 0]),
        ((False, 99, None, None), [3, 2, 1, 0]),
        ((True, None, 25, None), [0, 1]),
        ((False, None, 25, None), [1, 0]),
        ((True, None, None, "B"), [1, 3]),
        ((False, 2, None, "B"), [1]),
    ],
)
async def test_stream_pages(message_store: Connection, options: Any, expected: list[int]) -> None:
    await put(
        message_store,
        (10, "a-1", 0, "A"), (20, "a-1", 1, "B"), (30, "a-1", 2, "A"), (40, "a-1", 3, "B"),
        (15, "a-2", 0, "A"),
    )  # fmt: skip
    rows = await page(message_store, "stream_page", "a-1", *options, 100, MIB)
    assert [cursor for cursor, _ in rows] == expected
    assert [message[2] for _, message in rows] == expected


@pytest.mark.parametrize("holes", [False, True])
async def test_stream_pages_from_a_global_position(message_store: Connection, holes: bool) -> None:
    # Others may have left holes in the positions.
    positions = [0, 1, 7, 8, 30, 31, 32, 90] if holes else list(range(8))
    stored = [(10 * (n + 1), position) for n, position in enumerate(positions)]
    await put(message_store, *((g, "a-1", p) for g, p in stored), (35, "a-2", 0))
    for start in [-1, 0, 1, *range(9, 92, 1), ALL]:
        forward = await page(
            message_store, "stream_page_from_global", "a-1", True, start, None, None, 100, MIB
        )
        assert [c for c, _ in forward] == [p for g, p in stored if g >= start], start
        backward = await page(
            message_store, "stream_page_from_global", "a-1", False, start, None, None, 100, MIB
        )
        assert [c for c, _ in backward] == [p for g, p in reversed(stored) if g <= start], start


async def test_a_missing_stream_has_no_page(message_store: Connection) -> None:
    await put(message_store, (1, "a-1", 0))
    for forward in (True, False):
        args = ("a-2", forward, 1, None, None, 10, MIB)
        assert await page(message_store, "stream_page", *args) == []
        assert await page(message_store, "stream_page_from_global", *args) == []
    assert await message_store.fetchval(query("last_message"), "a-2", None) is None
    assert await message_store.fetchval(query("stream_version"), "a-2") is None


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((True, None, None, None, None, None, None), [1, 2, 4, 5, 6]),
        ((True, 2, 5, None, None, None, None), [2, 4, 5]),
        ((False, None, None, None, None, None, None), [6, 5, 4, 2, 1]),
        ((False, 5, None, None, None, None, None), [5, 4, 2, 1]),
        ((False, 5, 4, None, None, None, None), [4, 2, 1]),
        ((True, None, None, "B", None, None, None), [2, 5]),
        ((True, None, None, None, "c", None, None), [1, 4]),
        ((False, None, None, None, "c", None, None), [4, 1]),
        ((False, 3, None, None, "c", None, None), [1]),
        ((True, None, None, "B", "c", None, None), []),
        # The stream named as its category has no id, so it belongs to no member.
        ((True, None, None, None, None, 0, 1), [1, 2, 4, 5]),
        ((True, None, None, None, "c", 0, 2), [1, 4]),
        ((True, None, None, None, "c", 1, 2), []),
    ],
)
async def test_category_pages(message_store: Connection, options: Any, expected: list[int]) -> None:
    await put(
        message_store,
        (1, "account-1", 0, "A", "{}", '{"correlationStreamName": "c-1"}'),
        (2, "account-2", 0, "B", "{}", '{"correlationStreamName": "cc-1"}'),
        (3, "other-1", 0, "A", "{}", '{"correlationStreamName": "c-1"}'),
        (4, "account-1", 1, "A", "{}", '{"correlationStreamName": "c"}'),
        (5, "account-2", 1, "B"),
        (6, "account", 0, "A", "{}", "[]"),
    )
    rows = await page(message_store, "category_page", "account", *options, 100, MIB)
    assert [cursor for cursor, _ in rows] == expected
    assert global_positions(rows) == expected


async def test_members_share_a_category_as_message_db_deals_it(message_store: Connection) -> None:
    await put(message_store, *((n, f"a-{n}", 0) for n in range(1, 60)), (60, "a", 0), (61, "a-", 0))
    for size in (1, 3, 32767):
        read: list[int] = []
        for member in range(min(size, 3)):
            rows = await page(
                message_store,
                "category_page",
                "a",
                True,
                None,
                None,
                None,
                None,
                member,
                size,
                99,
                MIB,
            )
            genuine = await message_store.fetch(
                "select * from get_category_messages('a', 1, 99, null, $1, $2)", member, size
            )
            assert global_positions(rows) == [row["global_position"] for row in genuine]
            read += global_positions(rows)
        assert 60 not in read
        if size == 3:
            assert sorted(read) == [n for n in range(1, 62) if n != 60]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((True, None, None, None), [3, 5, 9]),
        ((True, 4, None, None), [5, 9]),
        ((True, None, 8, None), [3, 5]),
        ((False, None, None, None), [9, 5, 3]),
        ((False, 8, None, None), [5, 3]),
        ((False, 8, 4, None), [3]),
        ((False, None, None, "B"), [5]),
    ],
)
async def test_pages_of_everything(
    message_store: Connection, options: Any, expected: list[int]
) -> None:
    await put(message_store, (3, "a-1", 0), (5, "b-1", 0, "B"), (9, "a-1", 1))
    rows = await page(message_store, "all_page", *options, 100, MIB)
    assert global_positions(rows) == expected


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("stream_page", ("a-1", True, None, None, None)),
        ("stream_page", ("a-1", False, None, None, None)),
        ("category_page", ("a", True, None, None, None, None, None, None)),
        ("category_page", ("a", False, None, None, None, "c", None, None)),
        ("all_page", (True, None, None, None)),
    ],
)
async def test_a_page_ends_at_its_rows_or_its_bytes(
    message_store: Connection, name: str, args: Any
) -> None:
    data, metadata = json.dumps("é" * 500), '{"correlationStreamName": "c"}'
    await put(message_store, *((n + 1, "a-1", n, "T", data, metadata) for n in range(5)))
    assert len(await page(message_store, name, *args, 3, MIB)) == 3
    assert len(await page(message_store, name, *args, 100, 1)) == 1
    # Counted in bytes, not in characters; the row that reaches the bound still comes.
    assert len(await page(message_store, name, *args, 100, 1500)) == 2
    assert len(await page(message_store, name, *args, 100, MIB)) == 5


async def test_last_message(message_store: Connection) -> None:
    await put(message_store, (1, "a-1", 0, "A"), (2, "a-1", 1, "B"), (3, "a-1", 2, "A"))
    for kind, position in ((None, 2), ("B", 1), ("A", 2)):
        text = await message_store.fetchval(query("last_message"), "a-1", kind)
        assert json.loads(text)[2] == position
    assert await message_store.fetchval(query("last_message"), "a-1", "C") is None
    assert await message_store.fetchval(query("stream_version"), "a-1") == 2


async def test_notices(message_store: Connection) -> None:
    await put(
        message_store,
        (2, "a-1", 0, "T", "{}", '{"correlationStreamName": "c-1"}'),
        (4, "b-1", 0),
        (6, "a-1", 1),
        (8, "a-2", 0, "T", "{}", '{"correlationStreamName": "c-1"}'),
        (9, "a", 0),
    )
    of = message_store
    assert await pokes(of, "stream_pokes", "a-1", 0, 0, ALL, 9) == [("a-1", 0, 2), ("a-1", 1, 6)]
    assert await pokes(of, "stream_pokes", "a-1", 0, 2, ALL, 9) == [("a-1", 1, 6)]
    assert await pokes(of, "stream_pokes", "a-1", 1, 0, ALL, 9) == [("a-1", 1, 6)]
    assert await pokes(of, "stream_pokes", "a-1", 0, 0, 5, 9) == [("a-1", 0, 2)]
    assert await pokes(of, "stream_pokes", "a-1", 0, 6, ALL, 9) == []
    assert await pokes(of, "all_pokes", 2, 8, 2) == [("b-1", 0, 4), ("a-1", 1, 6)]

    async def category(*args: Any) -> list[int]:
        return [g for _, _, g in await pokes(of, "category_pokes", "a", *args)]

    assert await category(0, ALL, None, None, None, 9) == [2, 6, 8, 9]
    assert await category(2, 8, None, None, None, 9) == [6, 8]
    assert await category(0, ALL, None, None, None, 1) == [2]
    assert await category(0, ALL, "c", None, None, 9) == [2, 8]
    assert await category(0, ALL, None, 0, 1, 9) == [2, 6, 8]
    assert await category(2, ALL, "c", 0, 1, 9) == [8]


async def test_streams_are_listed_by_code_point(message_store: Connection) -> None:
    names = ["a-1", "B-1", "a_b", "ab-1", "é-1", "a-10", "😀", "a%"]
    await put(message_store, *((n + 1, name, 0) for n, name in enumerate(names)))
    await put(message_store, (20, "a-1", 1))

    async def listed(*args: Any) -> list[str]:
        return [row["stream"] for row in await message_store.fetch(query("stream_list"), *args)]

    assert await listed("", "", 100) == sorted(names)
    assert await listed("a", "", 100) == sorted(n for n in names if n.startswith("a"))
    assert await listed("a", "a-1", 2) == ["a-10", "a_b"]
    assert await listed("a", "zz", 2) == []
    assert await listed("a-", "B", 100) == ["a-1", "a-10"]
    [row] = await message_store.fetch(query("stream_list"), "a-1", "", 1)
    assert row["version"] == 1
    newest = await message_store.fetchval(
        "select (extract(epoch from max(time)) * 1000000)::bigint from messages"
    )
    assert row["last_activity"] == newest


async def test_counts(message_store: Connection) -> None:
    info = await message_store.fetchrow(query("namespace_info"))
    assert tuple(info) == (0, 0, 0, None)
    assert await message_store.fetchval(query("head")) == 0
    await put(message_store, (3, "a-1", 0), (5, "b-1", 0), (9, "a-1", 1), (10, "a-2", 0))
    info = await message_store.fetchrow(query("namespace_info"))
    assert tuple(info)[:3] == (4, 3, 10)
    assert info["last_activity"] > 1_700_000_000_000_000
    assert await message_store.fetchval(query("head")) == 10
    assert await message_store.fetchval(query("message_count")) == 4
    rows = await message_store.fetch(query("category_list"))
    assert [tuple(row) for row in rows] == [("a", 2, 3), ("b", 1, 1)]


async def test_who_may_still_fill_a_gap(
    message_store: Connection, message_store_url: str, connect: Any
) -> None:
    writer = await connect(message_store_url)
    assert await message_store.fetch(query("holders")) == []
    await writer.execute("begin")
    await writer.execute(
        "select message_store.write_message($1, 'a-1', 'T', '{}')", str(uuid.uuid4())
    )
    [holder] = await message_store.fetch(query("holders"))
    assert holder["pid"] == await writer.fetchval("select pg_backend_pid()")
    await writer.execute("rollback")
    assert await message_store.fetch(query("holders")) == []
