"""`mdb export` and `mdb import`."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from itertools import count
from types import SimpleNamespace

import pytest
from fixtures.commands import TOKEN
from fixtures.server import LIMIT, environment, start_process, start_server

from mdb.cli.client import Client
from mdb.cli.remote import Target

_numbers = count()


# A program that runs a command and shows all progress: at a terminal, or elsewhere.
SHOWING_ALL = "import mdb.cli.progress as p; p.{} = 0; from mdb.cli import main; main()"


def lines(number):
    """Lines to import, of half a KiB each."""
    for n in range(number):
        message = {
            "id": f"00000000-0000-4000-8000-{n:012}",
            "stream": f"s-{n}",
            "type": "T",
            "pos": 0,
            "gpos": n + 1,
            "data": "x" * 500,
            "meta": None,
            "time": "2026-01-15T10:30:00Z",
        }
        yield json.dumps(message) + "\n"


@pytest.fixture(autouse=True)
def _no_lines_in_between(monkeypatch):
    """However slow the machine is, a short import ends before it tells how far it is."""
    monkeypatch.setattr("mdb.cli.progress._LINE", LIMIT)


@pytest.fixture
def tenant(client):
    """The environment of a namespace of its own."""
    created = client("ns", "create", f"transfer-{next(_numbers)}", "--json").document
    return {"MESSAGEDB_TOKEN": created["token"]}


@pytest.fixture
def history(client):
    """The export of some messages."""
    name = f"source-{next(_numbers)}"
    token = client("ns", "create", name, "--json").document["token"]
    for n in range(5):
        client("write", f"{'ab'[n % 2]}-1", "T", str(n), MESSAGEDB_TOKEN=token)
    return client("export", MESSAGEDB_TOKEN=token).out


def test_what_is_exported_to_a_file_is_imported_from_it(client, tenant, history, tmp_path) -> None:
    file = tmp_path / "history.ndjson"
    file.write_text(history)
    assert "5 messages imported in " in client("import", str(file), **tenant).out
    again = tmp_path / "again.ndjson"
    done = client("export", "--output", str(again), **tenant)
    assert (done.code, done.out) == (0, f"5 messages exported to {again}\n")
    assert again.read_text() == history
    assert {path.name for path in tmp_path.iterdir()} == {file.name, again.name}
    found = client("export", f"--output={again}", "--json", **tenant).document
    assert found == {"exported": 5, "file": str(again)}


def test_an_import_reads_standard_input_and_prints_json(
    client, tenant, history, monkeypatch
) -> None:
    stdin = SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(history.encode())))
    monkeypatch.setattr(sys, "stdin", stdin)
    found = client("import", "--json", **tenant).document
    assert found["imported"] == 5
    assert found["elapsed"].endswith("s")


def test_filters_are_passed_on(client, tenant, history, tmp_path) -> None:
    (tmp_path / "history").write_text(history)
    client("import", str(tmp_path / "history"), **tenant)
    assert [row["data"] for row in client("export", "--category=b", **tenant).rows] == [1, 3]
    both = client("export", "--category=b", "--category", "a", **tenant)
    assert len(both.rows) == 5
    assert client("export", "--until=2020-01-01T00:00:00Z", **tenant).out == ""
    refusal = client("export", "--since=yesterday", **tenant).refusal
    assert refusal.startswith("INVALID_REQUEST: since: ")
    assert client("export", "--category=a,b", **tenant).code == 2


@pytest.mark.parametrize("option", ["--category=", "--since=", "--until="])
def test_a_filter_that_is_empty_is_refused_and_not_passed_over(client, tenant, option) -> None:
    """As that of a script whose variable is not set: it would be an export of everything."""
    assert client("export", option, **tenant).refusal.startswith("INVALID_REQUEST: ")


def test_a_refused_import_names_the_line_and_leaves_nothing(
    client, tenant, history, tmp_path
) -> None:
    file = tmp_path / "history"
    good = history.splitlines()
    file.write_text("\n".join([*good[:3], "nonsense"]))
    refusal = client("import", str(file), **tenant).refusal
    assert refusal.startswith("line 4: INVALID_REQUEST: not JSON")
    assert refusal.endswith("; nothing was imported")
    assert client("export", **tenant).out == ""
    file.write_text("\n".join([*good[:2], good[4]]))
    assert client("import", str(file), **tenant).refusal.startswith("line 3: POSITION_EXISTS: ")
    assert client("import", "/nowhere/at-all", **tenant).refusal.startswith("/nowhere/at-all: ")
    assert client("import", str(file), MESSAGEDB_TOKEN="ns_x").refusal.startswith("AUTH_")


def test_a_large_refused_import_is_not_sent_to_its_end(client, tenant, history, tmp_path) -> None:
    file = tmp_path / "history"
    file.write_text("nonsense\n" + "x" * (64 << 20))
    assert client("import", str(file), **tenant).refusal.startswith("line 1: INVALID_REQUEST: ")


def test_an_export_that_fails_leaves_no_file(client, tenant, tmp_path) -> None:
    refusal = client("export", "--since=x", f"--output={tmp_path / 'file'}", **tenant).refusal
    assert refusal.startswith("INVALID_REQUEST: ")
    assert not list(tmp_path.iterdir())
    missing = client("export", f"--output={tmp_path / 'no' / 'file'}", **tenant).refusal
    assert missing.endswith("No such file or directory")


def test_an_export_goes_where_a_link_leads_and_into_a_pipe(
    client, tenant, history, tmp_path
) -> None:
    (tmp_path / "history").write_text(history)
    client("import", str(tmp_path / "history"), **tenant)
    (tmp_path / "file").write_text("of yesterday")
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to("file")
    assert client("export", f"--output={link}", **tenant).code == 0
    assert link.is_symlink()
    assert (tmp_path / "file").read_text() == history
    os.mkfifo(pipe)
    # Held open, so that a pipe that was replaced does not leave the test waiting.
    with os.fdopen(os.open(pipe, os.O_RDWR), "rb") as held:
        assert client("export", f"--output={pipe}", **tenant).code == 0
        assert pipe.is_fifo()
        assert held.read(len(history.encode())) == history.encode()


def test_an_upload_goes_on_while_the_server_has_no_more_to_say_than_its_head() -> None:
    said = threading.Event()

    def serve() -> None:
        connection, _address = listener.accept()
        with connection, connection.makefile("rb") as sent:
            while sent.readline() != b"\r\n":
                pass
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
            said.set()
            while sent.readline() != b"0\r\n":
                pass
            connection.sendall(b"4\r\ndone\r\n0\r\n\r\n")

    def pieces():
        yield b"1\n"
        assert said.wait(LIMIT)
        yield b"2\n"
        yield b"3\n"

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Client(Target.parse(url, None, LIMIT)) as client:
            assert b"".join(client.upload("/import", {}, pieces())) == b"done"
        thread.join(LIMIT)


def test_an_export_that_ends_before_its_stated_length_is_no_export(client, tmp_path) -> None:
    """As a proxy passes it on that has collected it, or has it stored."""

    def serve() -> None:
        connection, _address = listener.accept()
        with connection, connection.makefile("rb") as sent:
            while sent.readline() != b"\r\n":
                pass
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"{}\n" * 9)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        url = f"--url=http://127.0.0.1:{listener.getsockname()[1]}"
        refusal = client("export", url, f"--output={tmp_path / 'file'}").refusal
        thread.join(LIMIT)
    assert refusal.endswith("the answer broke off")
    assert not list(tmp_path.iterdir())


def test_a_reader_that_goes_away_is_no_error(server, client, tenant, tmp_path) -> None:
    file = tmp_path / "long"
    file.write_text("".join(lines(3000)))
    assert client("import", str(file), **tenant).code == 0
    command = f"{sys.executable} -m mdb export; echo $? >&2"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"({command}) | head -1"],
        env=environment({"MESSAGEDB_URL": server.url, **tenant}),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert (done.stdout.count("\n"), done.stderr) == (1, "0\n")


def test_an_interrupted_import_leaves_nothing(server, client, tenant) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SHOWING_ALL.format("_LINE"), "import"],
        env=environment({"MESSAGEDB_URL": server.url, **tenant}),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        process.stdin.writelines(lines(1000))
        process.stdin.flush()
        shown = process.stderr.readline()
        while "1,000 messages" not in shown:
            assert shown.startswith("mdb: ")
            process.stdin.write("\n" * 1000)  # it looks for events with each piece that it sends
            process.stdin.flush()
            shown = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 130
        assert "Traceback" not in process.stderr.read()
        process.stdin.close()
    deadline = time.monotonic() + LIMIT
    while client("import", "/dev/null", **tenant).code:
        assert time.monotonic() < deadline, "it does not end"
    assert client("export", **tenant).out == ""


def test_at_a_terminal_a_bar_shows_how_far_it_is(server, tenant, history, tmp_path) -> None:
    file = tmp_path / "history"
    file.write_text(history)
    shown = _at_a_terminal(server, tenant, ["import", str(file)])
    assert "[########################]  100%" in shown
    assert "messages" in shown
    assert "/s" in shown
    assert "all sent" in shown


def _at_a_terminal(server, tenant, args):
    """Run a command whose standard error is a terminal; return what it showed there."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SHOWING_ALL.format("_REDRAW"), *args],
        env=environment({"MESSAGEDB_URL": server.url, **tenant}),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux: the other side is closed
                break
            if not piece:
                break
            shown += piece
        os.close(ours)
        assert process.wait(LIMIT) == 0
    return shown.decode()


def test_elsewhere_lines_tell_how_far_it_is(client, tenant, history, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("mdb.cli.progress._LINE", 0)
    file = tmp_path / "history"
    file.write_text(history)
    done = client("import", str(file), **tenant)
    assert done.code == 0
    told = done.err.splitlines()
    assert all(line.startswith("mdb: ") and "messages" in line for line in told)
    assert "100%" in told[-1]


def test_a_server_that_dies_in_the_middle_is_said_so(tmp_path) -> None:
    with start_server([f"--data-dir={tmp_path / 'data'}", f"--token={TOKEN}"]) as server:
        env = {"MESSAGEDB_URL": server.url, "MESSAGEDB_TOKEN": TOKEN}
        fifo = tmp_path / "fifo"
        os.mkfifo(fifo)
        with start_process(["import", str(fifo)], env) as process:
            with fifo.open("wb", buffering=0) as pipe:
                pipe.write(b"\n")
                server.stop(signal.SIGKILL)
            assert process.wait() == 1
            assert process.stderr.startswith("mdb: ")
            assert process.stderr.count("\n") == 1
