"""`mdb tail`: what was written and what is written, once each, until it is told to stop."""

from __future__ import annotations

import contextlib
import json
import selectors
import signal
import time
from collections.abc import Iterator
from itertools import count

import pytest
from fixtures.commands import TOKEN
from fixtures.server import LIMIT, Server, start_process, start_server

from mdb.cli.sse import Event, Events

_numbers = count()


@pytest.fixture
def category() -> str:
    return f"t{next(_numbers)}"


class Tail:
    """A running `mdb tail --json`."""

    def __init__(self, process: Server) -> None:
        self.process = process
        self._taken = 0

    def rows(self, number: int) -> list[object]:
        """Wait for so many more messages; return their data."""
        deadline = time.monotonic() + LIMIT
        wanted = self._taken + number
        # A part of a line is not one yet.
        self.process._read(deadline, lambda: self.process.stdout.count("\n") >= wanted)
        lines = self.process.stdout.splitlines()[self._taken : wanted]
        assert len(lines) == number, f"it ended: {self.process.stderr}"
        self._taken = wanted
        return [json.loads(line)["data"] for line in lines]

    def nothing_more(self) -> None:
        """Assert that at its end it had printed nothing but what was taken."""
        assert len(self.process.stdout.splitlines()) == self._taken


@contextlib.contextmanager
def tail(url: str, *args: str, token: str = TOKEN) -> Iterator[Tail]:
    env = {"MESSAGEDB_URL": url, "MESSAGEDB_TOKEN": token}
    with start_process(["tail", "--json", *args], env) as process:
        yield Tail(process)


def write(server: Server, stream: str, data: object, type_: str = "T") -> None:
    message = {"type": type_, "data": data}
    assert server.rpc("stream.write", stream, message, token=TOKEN).status_code == 200


def test_it_prints_what_is_there_then_what_comes_and_ends_with_0_at_ctrl_c(
    server: Server, category: str
) -> None:
    write(server, f"{category}-1", 1)
    write(server, f"{category}other-1", "not of the category")
    write(server, f"{category}-2", 2)
    with tail(server.url, "--category", category) as tailing:
        assert tailing.rows(2) == [1, 2]
        for data in (3, 4):
            write(server, f"{category}-1", data)
            assert tailing.rows(1) == [data]
        tailing.process.send(signal.SIGINT)
        assert tailing.process.wait() == 0
        assert tailing.process.stderr == ""
        tailing.nothing_more()


def test_a_stream_is_followed_from_a_position_of_its_own(server: Server, category: str) -> None:
    for data in range(4):
        write(server, f"{category}-1", data)
    with tail(server.url, f"{category}-1", "--position=2") as tailing:
        assert tailing.rows(2) == [2, 3]
        write(server, f"{category}-1", 4)
        assert tailing.rows(1) == [4]


def test_the_whole_namespace_is_followed(server: Server, category: str) -> None:
    token = server.rpc("ns.create", category, token=TOKEN).json()["token"]
    with tail(server.url, "--all", token=token) as tailing:
        for number, stream in enumerate(["a-1", "b", "c-"]):
            message = {"type": "T", "data": number}
            assert server.rpc("stream.write", stream, message, token=token).status_code == 200
            assert tailing.rows(1) == [number]


def test_only_messages_of_a_type_are_printed(server: Server, category: str) -> None:
    write(server, f"{category}-1", 1, "A")
    write(server, f"{category}-1", 2, "B")
    with tail(server.url, f"{category}-1", "--type=B") as tailing:
        assert tailing.rows(1) == [2]
        write(server, f"{category}-1", 3, "A")
        write(server, f"{category}-1", 4, "B")
        assert tailing.rows(1) == [4]


def test_a_member_of_a_group_gets_its_streams_only(server: Server, category: str) -> None:
    with contextlib.ExitStack() as stack:
        tails = [
            stack.enter_context(
                tail(server.url, "--category", category, f"--consumer-group={member}/2")
            )
            for member in range(2)
        ]
        read = ["category.get", category]
        for number in range(8):
            write(server, f"{category}-{number}", number)
        members = [
            server.rpc(*read, {"consumerGroup": {"member": m, "size": 2}}, token=TOKEN).json()
            for m in range(2)
        ]
        for tailing, rows in zip(tails, members, strict=True):
            assert tailing.rows(len(rows)) == [row[5] for row in rows]


def test_from_the_end_only_what_is_written_from_then_on(server: Server, category: str) -> None:
    write(server, f"{category}-1", "before")
    with tail(server.url, "--category", category, "--position=end") as tailing:
        # What it prints first tells when it had begun.
        for data in count():
            write(server, f"{category}-1", data)
            with selectors.DefaultSelector() as selector:
                selector.register(tailing.process.process.stdout, selectors.EVENT_READ)
                if selector.select(0.2):
                    break
        first = tailing.rows(1)[0]
        assert isinstance(first, int)
        assert tailing.rows(data - first) == list(range(first + 1, data + 1))


def test_after_a_restart_of_the_server_it_goes_on_where_it_was(tmp_path, category: str) -> None:
    args = [f"--data-dir={tmp_path}", f"--token={TOKEN}"]
    with start_server(args) as first:
        write(first, f"{category}-1", 1)
        with tail(first.url, f"{category}-1") as tailing:
            assert tailing.rows(1) == [1]
            port = first.port
            assert first.stop() == 0
            tailing.process.wait_stderr("lost")
            with start_process(["serve", f"--port={port}", *args]) as second:
                second.wait_listening()
                write(second, f"{category}-1", 2)
                assert tailing.rows(1) == [2]
                tailing.process.send(signal.SIGINT)
                assert tailing.process.wait() == 0
                tailing.nothing_more()
            assert tailing.process.stderr.splitlines() == [
                "mdb: the connection was lost; trying again",
                "mdb: connected again",
            ]


def test_it_ends_with_1_when_its_namespace_is_deleted(server: Server, category: str) -> None:
    created = server.rpc("ns.create", category, token=TOKEN).json()
    token = created["token"]
    server.rpc("stream.write", "a-1", {"type": "T", "data": 1}, token=token)
    with tail(server.url, "a-1", token=token) as tailing:
        assert tailing.rows(1) == [1]
        server.rpc("ns.delete", category, token=TOKEN)
        assert tailing.process.wait() == 1
        assert "was deleted" in tailing.process.stderr


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("a", "--position=x"), "--position"),
        (("a", "--all"), "exactly one"),
        ((), "exactly one"),
    ],
)
def test_arguments_that_make_no_sense_end_with_2(mdb, args, text) -> None:
    done = mdb("tail", *args)
    assert (done.code, done.out) == (2, "")
    assert text in done.err


def test_a_server_that_was_never_reached_is_not_waited_for(mdb) -> None:
    done = mdb("tail", "a-1", "--url=http://127.0.0.1:1")
    assert done.refusal == "cannot reach http://127.0.0.1:1: Connection refused"


def test_a_refused_subscription_ends_it_with_the_servers_code(client) -> None:
    assert client("tail", "--category=a-1").refusal.startswith("INVALID_REQUEST: ")


def test_events_are_the_same_however_they_are_cut() -> None:
    text = (
        b"retry: 250\n: ready\n\nid: 7\n\n: keep-alive\n\n"
        b'id: 9\nevent: poke\ndata: {"a":1}\n\nid:\nevent: reset\ndata: {}\n\n'
    )
    expected = [
        Event("", "", "7"),
        Event("poke", '{"a":1}', "9"),
        Event("reset", "{}", ""),
    ]
    for size in (1, 2, 3, 7, len(text)):
        parser = Events()
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert [event for piece in pieces for event in parser.feed(piece)] == expected
        assert parser.retry == 250


def test_an_event_without_an_end_is_not_kept() -> None:
    parser = Events()
    piece = b"x" * 500_000
    assert list(parser.feed(piece)) == list(parser.feed(piece)) == []
    with pytest.raises(ValueError, match="no end"):
        list(parser.feed(piece))
