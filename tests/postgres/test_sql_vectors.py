"""A namespace's SQL functions answer what genuine Message DB answered, errors and notices too."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import uuid
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import trio.testing

from tests.fixtures.postgres import Connection

VECTORS = Path(__file__).parents[1] / "vectors"


def load(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


def plain(value: Any) -> Any:
    """As the vectors write it."""
    if isinstance(value, datetime.datetime):
        return "TIME"
    if isinstance(value, uuid.UUID):
        return str(value)
    return value


def rows_of(records: list[Any]) -> list[list[Any]]:
    return [[plain(v) for v in record.values()] for record in records]


# Texts that belong to Postgres and changed after the version on which the vectors were measured.
REWORDED = {
    'column "nope" does not exist': ("hint",),  # what was meant is guessed anew in every version
}


def assert_error(expected: dict[str, Any], exc: asyncpg.PostgresError) -> None:
    fields = {
        "sqlstate": exc.sqlstate,
        "severity": exc.severity,
        "message": exc.message,
        "detail": exc.detail,
        "hint": exc.hint,
        "constraint": exc.constraint_name,
        "table": exc.table_name,
        "column": exc.column_name,
    }
    if fields["detail"]:
        fields["detail"] = re.sub(
            r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", "TIME", fields["detail"]
        )
    for name in REWORDED.get(expected["message"], ()):
        fields[name] = expected[name]
    assert fields == expected


async def attempt(
    conn: Connection, statement: str, *args: Any
) -> tuple[list[Any], asyncpg.PostgresError | None]:
    try:
        return await conn.fetch(statement, *args), None
    except asyncpg.PostgresError as exc:
        return [], exc


async def test_names(message_store: Connection) -> None:
    for vector in load("names")["vectors"]:
        row = await message_store.fetchrow(
            """select $1::varchar as stream_name, category($1), id($1), cardinal_id($1),
            is_category($1), hash_64($1), hash_64(category($1)) as hash_64_of_category,
            hash_64(cardinal_id($1)) as hash_64_of_cardinal_id""",
            vector["stream_name"],
        )
        assert dict(row) == vector


async def test_hash_64_and_the_number_of_the_lock(message_store: Connection) -> None:
    for vector in load("hash_64")["vectors"]:
        row = await message_store.fetchrow(
            "select $1::varchar as value, hash_64($1), acquire_lock($1), abs(hash_64($1))",
            vector["value"],
        )
        assert dict(row) == vector


async def test_consumer_groups(message_store: Connection) -> None:
    vectors = load("consumer_groups")["vectors"]
    for vector in vectors:
        await message_store.execute(
            "select write_message(gen_random_uuid()::varchar, $1, 'T', '{}')", vector["stream_name"]
        )
    members: dict[str, dict[str, int]] = {v["stream_name"]: {} for v in vectors}
    for size in (1, 2, 3, 4, 5, 8):
        for member in range(size):
            for row in await message_store.fetch(
                """select stream_name from get_category_messages(
                'cgv', consumer_group_member => $1, consumer_group_size => $2)""",
                member,
                size,
            ):
                assert str(size) not in members[row["stream_name"]]  # one member only
                members[row["stream_name"]][str(size)] = member
    assert members == {v["stream_name"]: v["member_by_size"] for v in vectors}


def stream_of(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    filler = "z" * 3000
    if given["len"] == 7687:
        filler = "".join(hashlib.sha256(str(i).encode()).hexdigest() for i in range(120))
    name = "wmlong-" + filler
    assert hashlib.sha256(name.encode()).hexdigest() == given["sha256"]
    return name


async def replay_writes(conn: Connection, vectors: dict[str, Any]) -> None:
    for step in vectors["steps"]:
        args = step["args"]
        # JSON goes as text, as a client that writes SQL sends it.
        rows, error = await attempt(
            conn,
            "select write_message($1, $2, $3, $4::text::jsonb, $5::text::jsonb, $6)",
            args["id"],
            stream_of(args["stream_name"]),
            args["type"],
            args["data"],
            args["metadata"],
            args["expected_version"],
        )
        if error is not None:
            assert "error" in step, f"{step['label']}: {error!r}"
            assert_error(step["error"], error)
        else:
            assert step.get("result", "an error") == rows[0][0], step["label"]


async def test_write_message(message_store: Connection) -> None:
    vectors = load("write_message")
    await replay_writes(message_store, vectors)

    table = vectors["table_after"]
    stored = await message_store.fetch(
        f"select {', '.join(table['columns'])} from messages order by global_position"
    )
    known = {row[0]: row for row in table["rows"]}
    # The table was looked at before the last steps ran.
    assert [row for row in rows_of(stored) if row[0] in known] == table["rows"]

    for each in vectors["stream_version"]:
        version = await message_store.fetchval("select stream_version($1)", each["stream"])
        assert version == each["stream_version"]
    read = vectors["get_stream_messages(wm-d)"]
    assert (
        rows_of(await message_store.fetch("select * from get_stream_messages('wm-d')"))[
            : len(read["rows"])
        ]
        == read["rows"]
    )


def listen(conn: Connection) -> list[str]:
    heard: list[str] = []
    conn.raw.add_log_listener(lambda _, m: heard.append(f"{m.severity}:  {m.message}"))
    return heard


DEBUGGED_WRITE = """
    select write_message('0d7c7025-897a-fed6-850d-ae09aa8fb25d', 'wm-dbg', 'T', '{"a":1}')
"""


async def test_notices_of_a_write(message_store: Connection) -> None:
    expected = load("write_message")["debug_write_notices"]
    heard = listen(message_store)
    await message_store.execute("set message_store.debug_write = 'on'")
    row = await message_store.fetchval(DEBUGGED_WRITE)
    await trio.testing.wait_all_tasks_blocked()
    assert [[row]] == expected["rows"]
    assert heard == expected["notices"]


async def test_get_functions(message_store: Connection) -> None:
    vectors = load("get_functions")
    # Measured on the table as the writes had left it: some calls reach beyond their own rows.
    await replay_writes(message_store, load("write_message"))
    await message_store.execute(DEBUGGED_WRITE)
    for row in vectors["written"]:
        await message_store.execute(
            f"alter sequence messages_global_position_seq restart {1000 + row['n']}"
        )
        position = await message_store.fetchval(
            "select write_message($1, $2, $3, $4, $5)",
            *(row[k] for k in ("id", "stream_name", "type", "data", "metadata")),
        )
        assert position == row["position"]

    heard = listen(message_store)
    for call in vectors["calls"]:
        await judge_call(message_store, call, heard)


async def judge_call(conn: Connection, call: dict[str, Any], heard: list[str]) -> None:
    await conn.execute("reset all; set search_path = message_store")
    for name, value in call["settings"]:
        await conn.execute("select set_config($1, $2, false)", name, value)
    heard.clear()
    records, error = await attempt(conn, call["sql"])
    if error is not None:
        assert "error" in call, f"{call['sql']}: {error!r}"
        assert_error(call["error"], error)
        return
    assert "rows" in call, f"{call['sql']}: no error"
    assert rows_of(records) == call["rows"], call["sql"]
    if records:
        assert list(records[0].keys()) == call["columns"]
    if "notices" in call:
        await trio.testing.wait_all_tasks_blocked()
        assert heard == call["notices"]


async def test_text_of_json(message_store: Connection) -> None:
    for vector in load("jsonb_text")["vectors"]:
        stream = f"json-{uuid.uuid4()}"
        await message_store.execute(
            "select write_message($1, $2, 'T', $3)", str(uuid.uuid4()), stream, vector["in"]
        )
        text = await message_store.fetchval("select data from get_last_stream_message($1)", stream)
        assert text == vector["out"]


@pytest.mark.parametrize("setting", ["message_store", ""])
async def test_functions_need_no_search_path(
    message_store_url: str, connect: Any, setting: str
) -> None:
    conn = await connect(message_store_url, server_settings={"search_path": setting})
    await conn.execute(
        "select message_store.write_message($1, 'a-1', 'T', '1', $2)",
        str(uuid.uuid4()),
        '{"correlationStreamName": "c"}',
    )
    [row] = await conn.fetch(
        "select * from message_store.get_category_messages('a', 1, 10, 'c', 0, 1)"
    )
    assert row["stream_name"] == "a-1"
    await conn.execute("reindex table message_store.messages")
    await conn.execute("analyze message_store.messages")
    await conn.execute("vacuum message_store.messages")
