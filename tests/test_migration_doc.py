"""docs/MIGRATION.md: each way is walked as it is written, and answers as it shows."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from fixtures.server import LIMIT, ROOT, Server, environment, start_process

from tests.fixtures.postgres_server import binaries

PAGE = (ROOT / "docs" / "MIGRATION.md").read_text("utf-8")

HISTORY = """
set search_path = message_store;
select write_message(gen_random_uuid()::varchar, 'account-1', 'Opened', '{}');
select write_message(gen_random_uuid()::varchar, 'account-1', 'Deposited', '{"amount": 1}');
select write_message(gen_random_uuid()::varchar, 'account-2', 'Opened', '{}', '{"by": "me"}');
"""


def section(title: str) -> list[tuple[str, str]]:
    """The blocks of a section, after those of the page's beginning: (language, text)."""
    beginning, *rest = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    [found] = [text for text in rest if text.splitlines()[0] == title]
    return re.findall(r"^```(\w*)\n(.*?)^```$", beginning + found, re.MULTILINE | re.DOTALL)


class Walk:
    """Does what a section says, a line at a time, in an empty directory."""

    def __init__(self, directory: Path, addresses: dict[str, str], stack: ExitStack) -> None:
        self._directory = directory
        self._addresses = addresses
        self._stack = stack
        self._server: Server | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        tools = directory / "bin"
        tools.mkdir()
        (tools / "mdb").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m mdb "$@"\n')
        (tools / "mdb").chmod(0o755)
        path = os.pathsep.join([str(tools), str(binaries()), os.environ["PATH"]])
        self.env = environment({"MESSAGEDB_PORT": str(port), "PATH": path})
        self.ran = 0

    def do(self, title: str) -> None:
        said = ""
        for language, text in section(title):
            if language == "sh":
                for line in text.splitlines():
                    said = self._line(line)
            else:
                wanted = re.escape(text).replace("…", "[^\n]*")
                # What a person reads in columns stands here with two blanks between them.
                assert re.fullmatch(wanted, re.sub(" {2,}", "  ", said)), (said, text)

    def _line(self, line: str) -> str:
        self.ran += 1
        if line == "# Ctrl-C":
            assert self._server is not None
            assert self._server.stop(signal.SIGINT) == 0
            return ""
        given = re.fullmatch(r"export (\w+)=(.*)", line)
        if given:
            address = self._addresses.get(given[1])
            self.env[given[1]] = address or self._run(f"printf %s {given[2]}")
            return ""
        if line.startswith("mdb serve"):
            args = shlex.split(re.sub(r"\$(\w+)", lambda name: self.env[name[1]], line))
            started = start_process(args[1:], self.env, cwd=self._directory)
            self._server = self._stack.enter_context(started)
            self._server.wait_listening()
            return ""
        return self._run(line)

    def _run(self, line: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            env=self.env,
            cwd=self._directory,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture
def walk(
    tmp_path: Path, genuine_url: str, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], Walk]]:
    """Walk a section of the page, from a genuine Message DB that holds a history."""
    query(genuine_url, HISTORY)
    addresses = {"DB": genuine_url}
    with ExitStack() as stack:

        def walk(title: str) -> Walk:
            if any("NEW_DB" in text for _language, text in section(title)):
                addresses["NEW_DB"] = request.getfixturevalue("database_url")
            walking = Walk(tmp_path, addresses, stack)
            walking.do(title)
            return walking

        yield walk


def query(url: str, text: str) -> list[Any]:
    async def run() -> list[Any]:
        conn = await asyncpg.connect(url, timeout=10)
        try:
            if text.startswith("select"):
                return [tuple(row) for row in await conn.fetch(text)]
            await conn.execute(text)
            return []
        finally:
            await conn.close()

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(run())


OBJECTS = """select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = relnamespace
where n.nspname !~ '^(pg_|information_schema)' order by 1, 2"""


def test_in_place_and_back(walk: Callable[[str], Walk], genuine_url: str) -> None:
    before = query(genuine_url, OBJECTS)
    assert walk("In place").ran > 5
    assert query(genuine_url, OBJECTS) == before
    types = query(genuine_url, "select type from message_store.messages order by global_position")
    assert [row[0] for row in types][3:] == ["Deposited", "Withdrawn"]


def test_by_import(walk: Callable[[str], Walk]) -> None:
    assert walk("By import").ran > 5


def test_dual_running(walk: Callable[[str], Walk]) -> None:
    assert walk("Dual running").ran > 7


def test_out_again(walk: Callable[[str], Walk], genuine_url: str) -> None:
    assert walk("Out again").ran > 8
    rows = query(
        genuine_url,
        "select stream_name, position, type from message_store.messages order by global_position",
    )
    assert rows[3:] == [("account-1", 2, "Closed"), ("account-1", 3, "Audited")]


def test_every_command_of_the_page_is_walked() -> None:
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    assert titles == ["In place", "By import", "Dual running", "Out again", "What is different"]
    beginning = section("What is different")
    assert all("export " in text for _language, text in beginning)
