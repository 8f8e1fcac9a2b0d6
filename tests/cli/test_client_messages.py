"""`mdb write` and `mdb read`."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import uuid
from itertools import count
from types import SimpleNamespace

import pytest
from fixtures.commands import TOKEN
from fixtures.server import LIMIT, environment

from mdb.cli.client import Client
from mdb.cli.remote import Target

_numbers = count()


@pytest.fixture
def category() -> str:
    return f"c{next(_numbers)}"


def test_what_is_written_is_read_with_everything_it_has(client, category) -> None:
    written = client("write", f"{category}-1", "Opened", '{"a": 1}', "--metadata={}", "--json")
    (read,) = client("read", f"{category}-1", "--json").rows
    time = read.pop("time")
    assert time.endswith("Z")
    assert read == {
        **written.document,
        "stream": f"{category}-1",
        "type": "Opened",
        "data": {"a": 1},
        "metadata": {},
    }


def test_a_write_says_in_words_where_the_message_is(client, category) -> None:
    message_id = str(uuid.uuid4())
    done = client("write", f"{category}-1", "T", "null", "--id", message_id)
    lines = dict(line.split() for line in done.out.splitlines())
    assert lines["id"] == message_id
    assert lines["position"] == "0"
    assert int(lines["globalPosition"]) >= 1


def test_numbers_of_any_size_keep_every_digit(client, category) -> None:
    digits = "123456789012345678901234567890.12345678901234567890"
    client("write", f"{category}-1", "T", digits)
    assert f'"data":{digits},' in client("read", f"{category}-1", "--json").out
    assert digits in client("read", f"{category}-1").out


def test_a_dash_reads_the_data_from_standard_input(client, category, monkeypatch) -> None:
    stdin = SimpleNamespace(buffer=io.BytesIO('{"text": "ä\\nö"}\n'.encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert client("write", f"{category}-1", "T", "-").code == 0
    (read,) = client("read", f"{category}-1", "--json").rows
    assert read["data"] == {"text": "ä\nö"}


def test_negative_numbers_are_data_and_not_options(client, category) -> None:
    assert client("write", f"{category}-1", "T", "-5", "--expected-version", "-1").code == 0
    (read,) = client("read", f"{category}-1", "--json").rows
    assert read["data"] == -5


@pytest.mark.parametrize(
    "data", ["", "{", "NaN", "1 2", '1},{"type":"U","data":2', '"\\u0000"', "[" * 300 + "]" * 300]
)
def test_data_that_cannot_be_stored_ends_with_2(client, category, data) -> None:
    done = client("write", f"{category}-1", "T", data)
    assert done.code == 2
    assert done.err.startswith("mdb: DATA: ")
    assert done.err.count("\n") == 1
    assert client("read", f"{category}-1", "--json").rows == []


def test_a_wrong_version_is_refused_with_the_code_of_the_server(client, category) -> None:
    assert client("write", f"{category}-1", "T", "1", "--expected-version=4").refusal == (
        "STREAM_VERSION_CONFLICT: "
        f"Wrong expected version: 4 (Stream: {category}-1, Stream Version: -1)"
    )


def test_the_same_id_again_writes_nothing_and_gives_the_same_answer(client, category) -> None:
    args = ("write", f"{category}-1", "T", "1", "--id", str(uuid.uuid4()), "--json")
    assert client(*args).document == client(*args).document
    assert len(client("read", f"{category}-1", "--json").rows) == 1


@pytest.fixture
def history(server, category) -> str:
    """A category of three streams with four messages each, of two types in turn."""
    with Client(Target.parse(server.url, TOKEN, LIMIT)) as writer:
        for number in range(4):
            for stream in range(3):
                message = {
                    "type": "AB"[number % 2],
                    "data": f"{stream}/{number}",
                    "metadata": {"correlationStreamName": f"{category}x{stream}-1"},
                }
                writer.call("stream.write", f"{category}-{stream}", message)
    return category


def data_of(done) -> list[str]:
    return [row["data"] for row in done.rows]


def test_a_stream_is_read_from_a_position_forward_and_backward(client, history) -> None:
    read = ("read", f"{history}-1", "--json")
    assert data_of(client(*read)) == ["1/0", "1/1", "1/2", "1/3"]
    assert data_of(client(*read, "--position=1", "--limit=2")) == ["1/1", "1/2"]
    assert data_of(client(*read, "--position=1", "--backward")) == ["1/1", "1/0"]
    assert data_of(client(*read, "--limit=1", "--backward")) == ["1/3"]
    assert data_of(client(*read, "--type=B")) == ["1/1", "1/3"]
    assert data_of(client(*read, "--limit=0")) == []


def test_a_category_is_read_by_type_correlation_and_member(client, history) -> None:
    read = ("read", "--category", history, "--json")
    everything = data_of(client(*read))
    assert everything == [f"{stream}/{number}" for number in range(4) for stream in range(3)]
    assert data_of(client(*read, "--type=A", "--limit=2")) == ["0/0", "1/0"]
    assert data_of(client(*read, f"--correlation={history}x2", "--backward"))[0] == "2/3"
    members = [data_of(client(*read, "--consumer-group", f"{member}/2")) for member in range(2)]
    assert sorted(members[0] + members[1]) == sorted(everything)
    position = client(*read).rows[10]["globalPosition"]
    assert data_of(client(*read, "--position", str(position))) == everything[10:]


def test_the_whole_namespace_is_read_in_both_directions(client, server, category) -> None:
    token = server.rpc("ns.create", category, token=TOKEN).json()["token"]
    for number, stream in enumerate(["a-1", "b", "c-"]):
        client("write", stream, "T", str(number), MESSAGEDB_TOKEN=token)
    read = ("read", "--all", "--json")
    assert data_of(client(*read, MESSAGEDB_TOKEN=token)) == [0, 1, 2]
    backward = client(*read, "--backward", "--position=2", "--limit=-1", MESSAGEDB_TOKEN=token)
    assert data_of(backward) == [1, 0]


@pytest.mark.parametrize("where", ["stream", "category"])
@pytest.mark.parametrize("backward", [False, True])
def test_pages_together_are_the_whole(client, history, monkeypatch, where, backward) -> None:
    source = [f"{history}-1"] if where == "stream" else ["--category", history]
    read = ("read", *source, "--json", *(["--backward"] if backward else []))
    whole = data_of(client(*read, "--limit=1000"))
    assert len(whole) == (4 if where == "stream" else 12)
    for size in (1, 3, 4, 5):
        monkeypatch.setattr("mdb.cli.selection.PAGE", size)
        assert data_of(client(*read, "--limit=-1")) == whole
        assert data_of(client(*read, "--limit=3")) == whole[:3]


def test_a_line_for_people_shows_where_what_and_when(client, history) -> None:
    line = client("read", f"{history}-2", "--limit=1").out
    position, stream, number, kind, time, data, metadata = line.split()
    assert (stream, number, kind, data) == (f"{history}-2", "0", "A", '"2/0"')
    assert position.isdecimal()
    assert time.startswith("20")
    assert json.loads(metadata) == {"correlationStreamName": f"{history}x2-1"}


def test_what_is_printed_for_people_cannot_drive_their_terminal(client, category) -> None:
    client("write", f"{category}-1", "T", '"\\u009b31m \\u001b[2J"')
    assert "\\u009b31m \\u001b[2J" in client("read", f"{category}-1").out


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("a-1", "--all"),
        ("--category=a", "--all"),
        ("a-1", "--correlation=x"),
        ("a-1", "--consumer-group=0/2"),
        ("--category=a", "--consumer-group=2/2"),
        ("--category=a", "--consumer-group=x"),
        ("a-1", "--limit=-2"),
        ("a-1", "--position=x"),
        ("a-1", "--nope"),
    ],
)
def test_arguments_that_make_no_sense_end_with_2(client, args) -> None:
    done = client("read", *args)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("\n") == 1


def test_a_category_with_a_dash_is_refused_by_the_server(client) -> None:
    assert client("read", "--category", "a-1").refusal.startswith("INVALID_REQUEST: ")


def test_a_reader_that_has_enough_is_no_error(server, history) -> None:
    env = {"MESSAGEDB_URL": server.url, "MESSAGEDB_TOKEN": TOKEN}
    program = (
        "import sys; from mdb.cli import selection; from mdb.cli.program import main\n"
        "selection.PAGE = 1\nsys.argv[1:] = ['read', '--category', sys.argv[1]]\nmain()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, history],
        env=environment(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(LIMIT) == 0
