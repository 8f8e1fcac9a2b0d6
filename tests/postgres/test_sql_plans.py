"""What a call reads: along an index, no further than its limit, whatever plan a session keeps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.postgres import Connection
from tests.postgres.batches import one, write
from tests.postgres.reading import query

MIB = 1 << 20
ROWS = 20_000

CALLS: list[tuple[str, tuple[Any, ...], int]] = [
    # name, arguments, rows of the table that may be visited
    ("stream_page", ("a-7", True, 5, None, None, 10, MIB), 10),
    ("stream_page", ("a-7", False, None, None, None, 10, MIB), 10),
    ("stream_page", ("a-7", True, None, None, "T1", 10, MIB), 70),
    ("stream_page_from_global", ("a-7", True, ROWS // 2, None, None, 10, MIB), 40),
    ("category_page", ("rare", True, None, None, None, None, None, None, 10, MIB), 10),
    ("category_page", ("a", True, 50, None, None, None, None, None, 10, MIB), 10),
    ("category_page", ("a", False, None, None, None, None, None, None, 10, MIB), 10),
    ("category_page", ("a", True, None, None, "T1", None, None, None, 10, MIB), 80),
    # From within the index: rows of another correlation are not visited.
    ("category_page", ("a", True, None, None, None, "c1", None, None, 10, MIB), 10),
    ("category_page", ("a", False, None, None, None, "c1", None, None, 10, MIB), 10),
    ("category_page", ("a", True, None, None, None, None, 1, 2, 10, MIB), 60),
    ("all_page", (True, ROWS // 2, None, None, 10, MIB), 10),
    ("all_page", (False, None, None, None, 10, MIB), 10),
    ("last_message", ("a-7", None), 1),
    ("stream_version", ("a-7",), 1),
    ("stream_pokes", ("a-7", 0, ROWS // 2, ROWS, 10), 40),
    ("category_pokes", ("a", 50, ROWS, None, None, None, 10), 10),
    ("category_pokes", ("a", 50, ROWS, "c1", None, None, 10), 10),
    ("category_pokes", ("rare", 0, ROWS, None, None, None, 10), 10),
    ("all_pokes", (50, ROWS, 10), 10),
    ("stream_list", ("a-1", "", 5), 12),
    ("head", (), 1),
]

VISITS = """
    select seq_scan, coalesce(idx_tup_fetch, 0) as fetched
    from pg_stat_xact_user_tables where relid = 'messages'::regclass
"""


async def fill(conn: Connection) -> None:
    """Rows that no analyse has seen, a third in another category, five in a third one."""
    await conn.execute(
        """
        insert into messages (stream_name, position, type, data, metadata)
        select
          case when n > $1 - 6 then 'rare-' when n % 3 = 0 then 'b-' else 'a-' end || n % 50,
          n / 150 * 3 + n / 50 % 3,
          'T' || n % 7,
          '{}',
          jsonb_build_object('correlationStreamName', 'c' || n % 11 || '-1')
        from generate_series(0, $1 - 1) n
        """.replace("$1", str(ROWS))
    )


async def prepare(conn: Connection, table: str) -> None:
    """The table as the session finds it when it makes the plans that it keeps."""
    await conn.execute("alter table messages set (autovacuum_enabled = off)")
    if table == "tiny":
        # Known to fit into a page, so that reading all of it looks cheapest.
        await write(conn, [one("a-7", given=False), one("z-1", given=False)])
        await conn.execute("vacuum analyze messages")
    elif table != "empty":
        await fill(conn)
        if table == "analysed":
            await conn.execute("vacuum analyze messages")


TABLES = ["empty", "tiny", "full", "analysed"]


@pytest.mark.parametrize("table", TABLES)
async def test_reads_go_along_an_index_and_stop_at_their_limit(
    message_store: Connection, table: str
) -> None:
    await prepare(message_store, table)
    for name, args, _ in CALLS * 7:
        await message_store.fetch(query(name), *args)
    if table in {"empty", "tiny"}:
        await message_store.execute("delete from messages")
        await fill(message_store)
    for name, args, most in CALLS:
        await message_store.execute("begin")
        before = await message_store.fetchrow(VISITS)
        rows = await message_store.fetch(query(name), *args)
        after = await message_store.fetchrow(VISITS)
        await message_store.execute("commit")
        assert rows, (name, args)
        assert after["seq_scan"] == before["seq_scan"], (name, args)
        assert after["fetched"] - before["fetched"] <= most, (name, args)


@pytest.mark.parametrize("table", TABLES)
async def test_writes_go_along_indexes(message_store: Connection, table: str) -> None:
    await prepare(message_store, table)

    async def calls() -> None:
        await write(message_store, [one("z-1", given=False), one("z-2", given=False)])
        await write(message_store, [one("z-1"), one("z-2")])
        version = await message_store.fetchval("select coalesce(stream_version('z-1'), -1)")
        await write(message_store, [one("z-1", version), one("z-2", 99)])
        await message_store.execute(
            "select write_one(gen_random_uuid(), true, 'z-1', 'T', '{}', null, null)"
        )
        await message_store.execute(
            "select write_message(gen_random_uuid()::text, 'z-1', 'T', '{}')"
        )

    for _ in range(7):
        await calls()
    if table in {"empty", "tiny"}:
        await message_store.execute("delete from messages")
        await fill(message_store)
    await message_store.execute("begin")
    before = await message_store.fetchrow(VISITS)
    await calls()
    after = await message_store.fetchrow(VISITS)
    await message_store.execute("commit")
    assert after["seq_scan"] == before["seq_scan"]
    assert after["fetched"] - before["fetched"] <= 30
