"""`mdb check` on Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import asyncpg
import pytest
from fixtures.commands import TOKEN
from fixtures.server import Server, start_server


@pytest.fixture
def server(database_url: str) -> Iterator[Server]:
    with start_server([f"--token={TOKEN}"], {"MESSAGEDB_DB_URL": database_url}) as running:
        for number in range(6):
            message = {"type": "T", "data": {"n": number}}
            stream = ["a-1", "b"][number % 2]
            assert running.rpc("stream.write", stream, message, token=TOKEN).status_code == 200
        assert running.rpc("ns.create", "other", token=TOKEN).status_code == 200
        yield running


@pytest.fixture
def damage(database_url: str) -> Callable[..., None]:
    async def run(statements: tuple[str, ...]) -> None:
        raw = await asyncpg.connect(database_url, timeout=10)
        try:
            await raw.execute("set search_path to message_store")
            for statement in statements:
                await raw.execute(statement)
        finally:
            await raw.close()

    return lambda *statements: asyncio.run(run(statements))


def problems(mdb, url: str) -> list[str]:
    done = mdb("check", MESSAGEDB_DB_URL=url)
    assert done.code == 1
    return [
        line.removeprefix("default: ")
        for line in done.out.splitlines()
        if line.startswith("default: ")
    ]


def test_a_sound_database_is_found_sound_and_what_is_wrong_is_found(
    mdb, server: Server, database_url: str, damage: Callable[..., None]
) -> None:
    shown = mdb("check", "--json", MESSAGEDB_DB_URL=database_url).document
    assert shown == {
        "namespaces": [
            {"namespace": "default", "messages": 6, "streams": 2, "head": 6},
            {"namespace": "other", "messages": 0, "streams": 0, "head": 0},
        ],
        "faults": [],
    }
    damage("delete from messages where stream_name = 'a-1' and position = 1")
    assert problems(mdb, database_url) == ["stream a-1: 2 messages with positions from 0 to 2"]
    damage(
        "drop index messages_stream",
        "update messages set position = 1 where stream_name = 'a-1' and position = 2",
        "update messages set position = 5 where stream_name = 'b' and position = 0",
        "update messages set position = 0 where stream_name = 'b' and position = 1",
        "update messages set position = 1 where stream_name = 'b' and position = 5",
        "insert into messages (global_position, position, stream_name, type, data, metadata)"
        " values (100, 0, 'c', 'T', '1', '[]')",
        "drop index messages_id",
        "update messages set id = (select id from messages where global_position = 1)"
        " where global_position = 2",
    )
    found = problems(mdb, database_url)
    assert found[:3] == [
        "the index messages_id is missing, or not valid",
        "the index messages_stream is missing, or not valid",
        "the sequence of global positions is at 6, below the head 100",
    ]
    assert found[3].startswith("stream b: position 1 (global position 2) stands after one ")
    assert found[4].endswith("stands 2 times")
    assert found[5:] == ["global position 100: metadata is a JSON array"]


def test_a_position_that_stands_twice_is_found(
    mdb, server: Server, database_url: str, damage: Callable[..., None]
) -> None:
    damage(
        "drop index messages_stream",
        "insert into messages (position, stream_name, type, data) values (2, 'a-1', 'T', '1')",
    )
    assert "stream a-1: position 2 stands 2 times" in problems(mdb, database_url)


def test_a_database_that_is_not_ours_or_not_there_is_refused(mdb, database_url: str) -> None:
    empty = mdb("check", MESSAGEDB_DB_URL=database_url)
    assert empty.refusal == "there is no database of mdb in it (no schema mdb)"
    gone = mdb("check", MESSAGEDB_DB_URL="postgresql://u:hunter2@127.0.0.1:1/x")
    assert gone.refusal.startswith("the database cannot be opened: 127.0.0.1:1: ")
    assert "hunter2" not in gone.err
