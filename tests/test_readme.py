"""The first page: what it tells people to type works as typed, and answers as it shows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.server import LIMIT, ROOT, Server, environment, start_server

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
STARTED, ANSWERS = (text for language, text in BLOCKS if language == "")
CURLS = [
    line
    for language, text in BLOCKS
    if language == "sh"
    for line in text.splitlines()
    if line.startswith("curl ")
]

# What differs from run to run, as the page writes it.
SHOWN_TIME = "2026-01-15T10:30:00.123Z"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_the_three_curl_lines_answer_as_shown_and_again_after_a_restart(tmp_path: Path) -> None:
    assert len(CURLS) == 3
    write, read, follow = CURLS
    written, found, poked = ANSWERS.split("\n", 2)
    # `make serve` is this command with this directory.
    args = [f"--data-dir={tmp_path / 'data'}"]
    with start_server(args) as server:
        token = server.default_token
        port = str(server.port)
        assert re.fullmatch(pattern(STARTED.replace(":8080", f":{port}")), server.stdout)
        assert re.fullmatch(pattern(written), run(write, server, token))
        first = run(read, server, token)
        assert re.fullmatch(pattern(found), first)
        assert_follows(follow, server, token, poked)
        assert server.stop() == 0
    with start_server(args) as server:
        assert run(read, server, token) == first


def test_the_embedding_program_runs_as_printed_and_ends(tmp_path: Path) -> None:
    [program] = [text for language, text in BLOCKS if language == "python"]
    assert len([line for line in program.splitlines() if line.strip()]) <= 20
    (tmp_path / "program.py").write_text(program, "utf-8")
    for number in range(2):  # the second time on the directory that the first has left
        done = subprocess.run(
            [sys.executable, "-W", "error", "program.py"],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        lines = [f"written at {number + 1}"]
        lines += [f"{n} Deposited {{'amount': 5}}" for n in range(number + 1)]
        lines += [f"poked: account-123 {n}" for n in range(number + 1)]
        assert done.stdout.splitlines() == lines
    # A server can follow on the same directory: only now is there a token, and it is shown.
    with start_server([f"--data-dir={tmp_path / 'data'}"]) as server:
        assert server.default_token is not None
        stored = server.rpc("stream.get", "account-123", token=server.default_token)
        assert [message[2] for message in stored.json()] == [0, 1]
        assert "replaced" not in server.stderr


def run(line: str, server: Server, token: str | None) -> str:
    done = subprocess.run(
        command(line, server),
        env=environment({"TOKEN": token or ""}),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_follows(line: str, server: Server, token: str | None, shown: str) -> None:
    """Run a command that stays open, until it has printed what is shown."""
    with subprocess.Popen(
        ["timeout", f"{LIMIT:.0f}", *command("exec " + line, server)],
        env=environment({"TOKEN": token or ""}),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        got = [process.stdout.readline() for _ in shown.splitlines()]
        assert "".join(got) == shown
        assert process.poll() is None, "it does not stay open"
        process.terminate()


def command(line: str, server: Server) -> list[str]:
    """Give the line to a shell, as a person does; only the port is another."""
    if shutil.which("curl") is None:
        pytest.fail("the first page's commands need curl (Debian: apt-get install curl)")
    assert "localhost:8080/" in line
    return ["sh", "-c", line.replace("localhost:8080/", f"localhost:{server.port}/")]


def pattern(shown: str) -> str:
    """Make a pattern of a text in which … stands for what differs."""
    return re.escape(shown).replace("…", '[^"\\s]+').replace(re.escape(SHOWN_TIME), TIME)
