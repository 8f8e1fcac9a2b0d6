"""`mdb check`: it finds what was done to a copy of a sound database, and nothing in a sound one."""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw
import pytest
from fixtures.commands import TOKEN
from fixtures.server import start_server

from mdb.cli.client import Client
from mdb.cli.remote import Target


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("check") / "data"
    with (
        start_server([f"--data-dir={data}", f"--token={TOKEN}"]) as server,
        Client(Target.parse(server.url, TOKEN, 30)) as client,
    ):
        for number in range(12):
            message = {
                "type": "T",
                "data": {"n": number},
                "metadata": {"correlationStreamName": "cause-1"} if number % 2 else None,
            }
            stream = ["a-1", "a-2+x", "a", "b-"][number % 4]
            client.call("stream.write", stream, message)
        client.call("ns.create", "other")
    return data


@pytest.fixture
def data(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "data"))


def damage(data: Path, *statements: str) -> None:
    (file,) = (data / "namespaces").glob("default-*.db")
    db = apsw.Connection(str(file))
    for statement in statements:
        db.execute(statement)
    db.close()


def problems(mdb, data: Path) -> list[str]:
    done = mdb("check", f"--data-dir={data}")
    assert done.code == 1
    found = [
        line.removeprefix("default: ")
        for line in done.out.splitlines()
        if line.startswith("default: ")
    ]
    assert done.err == f"mdb: {len(found)} fault{'s' * (len(found) != 1)} found\n"
    return found


def test_a_sound_database_is_found_sound_beside_its_server(mdb, data: Path) -> None:
    with start_server([f"--data-dir={data}"]):
        shown = mdb("check", f"--data-dir={data}", "--json").document
    assert shown == {
        "namespaces": [
            {"namespace": "default", "messages": 12, "streams": 4, "head": 12},
            {"namespace": "other", "messages": 0, "streams": 0, "head": 0},
        ],
        "faults": [],
    }


def test_it_says_in_a_table_what_was_looked_through(mdb, data: Path) -> None:
    done = mdb("check", f"--data-dir={data}")
    assert (done.code, done.err) == (0, "")
    assert [line.split() for line in done.out.splitlines()] == [
        ["NAMESPACE", "MESSAGES", "STREAMS", "HEAD", "FAULTS"],
        ["default", "12", "4", "12", "0"],
        ["other", "0", "0", "0", "0"],
    ]


def test_a_gap_in_a_stream_is_found(mdb, data: Path) -> None:
    damage(data, "DELETE FROM messages WHERE stream_name = 'a-1' AND position = 1")
    assert problems(mdb, data) == ["stream a-1: 2 messages with positions from 0 to 2"]


def test_a_stream_that_does_not_begin_at_0_is_found(mdb, data: Path) -> None:
    damage(data, "DELETE FROM messages WHERE stream_name = 'a-1' AND position = 0")
    assert problems(mdb, data) == ["stream a-1: 2 messages with positions from 1 to 2"]


@pytest.mark.parametrize(
    ("stream", "position", "value"), [("a-1", 5, "1"), ("a-1", 5, "NULL"), ("a", 7, "1")]
)
def test_a_wrong_hash_is_found(mdb, data: Path, stream: str, position: int, value: str) -> None:
    damage(data, f"UPDATE messages SET hash = {value} WHERE global_position = {position}")
    (problem,) = problems(mdb, data)
    assert problem.startswith(f"global position {position}, stream {stream}: hash ")


def test_a_wrong_correlation_is_found(mdb, data: Path) -> None:
    damage(data, "UPDATE messages SET correlation = 'x' WHERE global_position IN (1, 2)")
    assert problems(mdb, data) == [
        "global position 1: correlation x, which should be None",
        "global position 2: correlation x, which should be cause",
    ]


def test_a_position_that_stands_twice_is_found_and_the_index_that_is_missing(
    mdb, data: Path
) -> None:
    damage(
        data,
        "DROP INDEX messages_stream",
        "UPDATE messages SET position = 1 WHERE stream_name = 'a-1' AND position = 2",
    )
    assert problems(mdb, data) == [
        "the index messages_stream is missing",
        "stream a-1: position 1 stands 2 times",
    ]


def test_an_id_that_stands_twice_is_found(mdb, data: Path) -> None:
    damage(
        data,
        "DROP INDEX messages_id",
        "UPDATE messages SET id = (SELECT id FROM messages WHERE global_position = 1)"
        " WHERE global_position = 2",
    )
    missing, twice = problems(mdb, data)
    assert missing == "the index messages_id is missing"
    assert twice.endswith("stands 2 times")


def test_an_order_that_is_not_that_of_the_positions_is_found(mdb, data: Path) -> None:
    damage(
        data,
        "UPDATE messages SET position = 100 WHERE stream_name = 'a-1' AND position = 0",
        "UPDATE messages SET position = 0 WHERE stream_name = 'a-1' AND position = 1",
        "UPDATE messages SET position = 1 WHERE stream_name = 'a-1' AND position = 100",
    )
    (problem,) = problems(mdb, data)
    assert problem.startswith("stream a-1: position 1 (global position 1) ")


@pytest.mark.parametrize(("column", "text"), [("data", "{"), ("metadata", "[]")])
def test_text_that_is_not_the_json_it_should_be_is_found(
    mdb, data: Path, column: str, text: str
) -> None:
    damage(data, f"UPDATE messages SET {column} = '{text}' WHERE global_position = 1")
    assert problems(mdb, data) == [f"global position 1: {column} is not the JSON that it should be"]


def test_an_index_that_does_not_agree_with_its_table_is_found(mdb, data: Path) -> None:
    damage(
        data,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_schema SET sql = replace(sql, '''-''', '''+''')"
        " WHERE name = 'messages_category'",
    )
    found = problems(mdb, data)
    assert any(problem.startswith("SQLite: ") for problem in found)
    assert "the index messages_category is not the one of the migrations" in found


def test_a_damaged_file_and_a_missing_one_are_found_and_the_others_looked_through(
    mdb, data: Path
) -> None:
    (file,) = (data / "namespaces").glob("default-*.db")
    file.write_bytes(file.read_bytes()[:4096] + b"\xff" * 4096)
    assert problems(mdb, data)
    file.unlink()
    (problem,) = problems(mdb, data)
    assert problem == f"{file}: there is no such file"
    done = mdb("check", f"--data-dir={data}", "--json")
    assert done.code == 1
    assert '"other"' in done.out


def test_many_faults_of_a_kind_are_not_all_listed(mdb, data: Path) -> None:
    damage(
        data,
        "WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
        " INSERT INTO messages (global_position, id, stream_name, type, position, data, time)"
        " SELECT i, randomblob(16), 'gap' || i, 'T', 1, '1', 0 FROM n",
    )
    found = problems(mdb, data)
    assert len(found) == 21
    assert found[-1].startswith("and more of the same kind: ")


def test_a_fault_of_the_registry_is_found(mdb, data: Path) -> None:
    db = apsw.Connection(str(data / "metadata.db"))
    db.execute("INSERT INTO tokens VALUES (randomblob(32), 'nobody', 'all', 0, NULL)")
    db.close()
    done = mdb("check", f"--data-dir={data}")
    assert done.code == 1
    assert "registry: table tokens: " in done.out


def test_a_database_of_a_newer_program_is_told_apart(mdb, data: Path) -> None:
    damage(data, "INSERT INTO schema_migrations VALUES (99, 'future', '', 0)")
    (problem,) = problems(mdb, data)
    assert "run a newer mdb" in problem


def test_a_directory_without_a_database_is_refused(mdb, tmp_path: Path) -> None:
    assert "there is no database" in mdb("check", f"--data-dir={tmp_path}").refusal
