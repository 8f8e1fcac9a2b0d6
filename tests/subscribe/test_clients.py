"""Clients that are not ours follow, lose their connection, and go on from there."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import httpx2
import pytest

from tests.fixtures.server import LIMIT, Server, start_server

TOKEN = "ns_ZGVmYXVsdA_" + "ab" * 32


@pytest.fixture
def server() -> Iterator[Server]:
    with start_server(["--test-mode", f"--token={TOKEN}"]) as started:
        yield started


def ids(text: str) -> list[int]:
    """The ids of the pokes in a stream of events."""
    return [
        int(event.partition("\n")[0].removeprefix("id: "))
        for event in text.split("\n\n")
        if "event: poke" in event
    ]


def write(server: Server, count: int) -> None:
    for _ in range(count):
        assert server.rpc("stream.write", "a-1", {"type": "T", "data": {}}, token=TOKEN).is_success


def curl(server: Server, wanted: int, *options: str) -> list[int]:
    """Follow with curl until so many pokes came, then hang up."""
    program = shutil.which("curl")
    assert program is not None, "these tests need curl (Debian: apt-get install curl)"
    url = f"{server.url}/subscribe?category=a&token={TOKEN}"
    command = [program, "-sN", "--max-time", str(LIMIT), *options, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        text = ""
        while len(ids(text)) < wanted:
            line = process.stdout.readline()
            assert line, f"curl ended: {text}"
            text += line.decode()
        process.kill()
    return ids(text)


def test_curl_follows_and_resumes(server: Server) -> None:
    write(server, 3)
    assert curl(server, 2) == [1, 2]
    write(server, 1)
    assert curl(server, 2, "-H", "Last-Event-ID: 2") == [3, 4]


def test_an_event_source_follows_and_resumes(server: Server) -> None:
    write(server, 3)
    seen: list[int] = []
    url = f"{server.url}/subscribe"
    for _ in range(2):
        headers = {"Authorization": f"Bearer {TOKEN}"}
        if seen:
            headers["Last-Event-ID"] = str(seen[-1])
        with httpx2.stream(
            "GET", url, params={"category": "a"}, headers=headers, timeout=LIMIT
        ) as response:
            before = len(seen)
            for event in httpx2.EventSource(response):
                if event.event == "poke":
                    seen.append(int(event.id))
                if len(seen) - before == 2:
                    break
        write(server, 1)
    assert seen == [1, 2, 3, 4]
