"""What all commands share: help, where server and token come from, health, config, completion."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures.commands import TOKEN
from fixtures.server import LIMIT, ROOT, environment, run_mdb

from mdb.settings import SETTINGS

COMMANDS = [
    *("backup", "check", "completion", "config show", "health", "migrate", "ns create"),
    *("export", "import", "ns delete", "ns info", "ns list", "ns rotate-token", "read", "serve"),
    *("tail", "version", "write"),
]

REMOTE = ("ns", "read", "tail", "export", "import")


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.split()[0] in REMOTE])
def test_every_command_of_a_client_names_its_variables(mdb: Any, command: str) -> None:
    text = mdb(*command.split(), "--help").out
    for name in ("--json", "--url", "MESSAGEDB_URL", "--token", "MESSAGEDB_TOKEN_FILE"):
        assert name in text


def test_the_help_lists_every_command(mdb: Any) -> None:
    text = mdb("--help").out
    for command in COMMANDS:
        assert f"\n  {command.split()[0]}: " in text


def test_the_token_may_be_in_a_file(client: Any, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    given = {"MESSAGEDB_TOKEN": "", "MESSAGEDB_TOKEN_FILE": str(file)}
    assert client("ns", "info", "--json", **given).document["namespace"] == "default"
    both = client("ns", "info", MESSAGEDB_TOKEN_FILE=str(file))
    assert both.code == 2
    missing = client("ns", "info", **{**given, "MESSAGEDB_TOKEN_FILE": str(tmp_path / "none")})
    assert missing.code == 2
    assert str(tmp_path / "none") in missing.err


def test_options_win_over_the_environment(client: Any, server: Any) -> None:
    wrong = {"MESSAGEDB_URL": "http://127.0.0.1:1", "MESSAGEDB_TOKEN": "x"}
    done = client("ns", "info", "--url", server.url, "--token", TOKEN, "--json", **wrong)
    assert done.document["namespace"] == "default"


def test_the_port_of_a_server_set_up_by_the_same_environment_is_the_default(
    mdb: Any, server: Any
) -> None:
    assert mdb("health", MESSAGEDB_PORT=str(server.port)).code == 0


@pytest.mark.parametrize(
    "url",
    ["localhost:8080", "ftp://h", "http://", "http://h:x", "http://u:hunter2@h", "http://h/?a=1"],
)
def test_an_address_that_is_none_ends_with_2_and_shows_no_password(mdb: Any, url: str) -> None:
    done = mdb("health", "--url", url)
    assert (done.code, done.out) == (2, "")
    assert "--url" in done.err
    assert "hunter2" not in done.err


@pytest.mark.parametrize("host", ["127.0.0.1:1", "nowhere.invalid", f"{'x' * 64}.example"])
def test_a_server_that_is_not_there_is_one_line(mdb: Any, host: str) -> None:
    assert mdb("ns", "list", f"--url=http://{host}").refusal.startswith("cannot reach http://")


def test_a_token_that_no_header_can_carry_is_a_mistake(mdb: Any) -> None:
    assert mdb("ns", "list", "--token", "a\nb").code == 2


def test_health_is_the_exit_code(client: Any) -> None:
    assert client("health").out == "ok\n"
    assert client("health", "--json").document == {"status": "ok"}
    assert client("health", "--ready").out == "ready\n"
    assert client("health", "--url=http://127.0.0.1:1").refusal == (
        "cannot reach http://127.0.0.1:1: Connection refused"
    )


class Stub(http.server.BaseHTTPRequestHandler):
    """Answers what the server's list says, in turn; None: nothing, and the connection is closed."""

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.do_GET()

    def do_GET(self) -> None:
        answer = self.server.answers.pop(0)
        if answer is None:
            self.close_connection = True
            return
        status, body = answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def stub() -> Iterator[Any]:
    """A server that says what it is told to say."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub) as running:
        running.answers = []
        running.bodies = []
        running.url = f"http://127.0.0.1:{running.server_address[1]}"
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join(LIMIT)


def test_a_server_that_is_not_ready_says_why(mdb: Any, stub: Any) -> None:
    stub.answers = [(503, b'{"status":"unavailable","reason":"no database"}')]
    done = mdb("health", "--ready", "--url", stub.url)
    assert done.refusal == f"{stub.url}: unavailable: no database"


@pytest.mark.parametrize("answer", [(502, b"<html>"), (200, b"<html>")])
def test_another_programs_answer_is_told_apart(mdb: Any, stub: Any, answer: Any) -> None:
    stub.answers = [answer]
    assert f"{stub.url}/health answered {answer[0]}" in mdb("health", "--url", stub.url).refusal


def test_a_proxys_error_is_one_line(mdb: Any, stub: Any) -> None:
    stub.answers = [(502, b"<html>")]
    assert mdb("ns", "list", "--url", stub.url).refusal == f"{stub.url} answered 502 Bad Gateway"


WRITTEN = b'{"position":0,"globalPosition":1,"id":"x"}'


def refused(code: str) -> tuple[int, bytes]:
    return 503, json.dumps({"error": {"code": code, "message": "m", "details": {}}}).encode()


def test_a_write_is_repeated_under_the_same_id_until_it_is_answered(
    mdb: Any, stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdb.cli.write._PAUSES", (0.0,) * 5)
    stub.answers = [None, refused("OVERLOADED"), refused("WRITE_UNCERTAIN"), (200, WRITTEN)]
    assert mdb("write", "a-1", "T", "1", "--url", stub.url, "--json").out.encode() == (
        WRITTEN + b"\n"
    )
    assert len(stub.bodies) == 4
    assert len(set(stub.bodies)) == 1
    assert json.loads(stub.bodies[0])[3]["id"]


def test_a_write_whose_outcome_stays_unknown_names_the_id_to_repeat_it_with(
    mdb: Any, stub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdb.cli.write._PAUSES", (0.0,))
    stub.answers = [refused("WRITE_UNCERTAIN")] * 2
    refusal = mdb("write", "a-1", "T", "1", "--url", stub.url).refusal
    message_id = json.loads(stub.bodies[0])[3]["id"]
    assert refusal.startswith("WRITE_UNCERTAIN: m; it may have been written")
    assert refusal.endswith(f"--id {message_id}")


def test_a_write_that_was_refused_for_good_is_not_repeated(mdb: Any, stub: Any) -> None:
    stub.answers = [refused("BACKEND_ERROR")]
    assert mdb("write", "a-1", "T", "1", "--url", stub.url).refusal == "BACKEND_ERROR: m"


def test_the_settings_are_shown_with_where_they_come_from_and_without_secrets(
    mdb: Any, tmp_path: Path
) -> None:
    file = tmp_path / "mdb.toml"
    file.write_text("grace = 3\n")
    args = ("config", "show", "--port=9000", "--config", str(file))
    environ = {"MESSAGEDB_HOST": "::1", "MESSAGEDB_TOKEN": TOKEN}
    shown = mdb(*args, "--json", **environ).document
    assert list(shown) == list(SETTINGS)
    assert shown["port"] == {"value": 9000, "source": "--port"}
    assert shown["host"] == {"value": "::1", "source": "MESSAGEDB_HOST"}
    assert shown["grace"] == {"value": 3.0, "source": str(file)}
    assert shown["token"] == {"value": "***", "source": "MESSAGEDB_TOKEN"}
    assert shown["max_body"]["source"] == "default"
    table = mdb(*args, **environ)
    assert TOKEN not in table.out
    assert ["port", "9000", "--port"] in [line.split() for line in table.out.splitlines()]
    assert mdb("config", "show", MESSAGEDB_PROT="1").code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_knows_every_command(mdb: Any, shell: str) -> None:
    done = mdb("completion", shell)
    assert (done.code, done.err) == (0, "")
    for word in ("rotate-token", "tail", "expected-version"):
        assert word in done.out


def test_bash_completes_commands_with_the_script() -> None:
    program = (
        'source <("$0" -m mdb completion bash); COMP_WORDS=(mdb ns ro); COMP_CWORD=2; _mdb; '
        'echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", program, sys.executable],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.stdout.split() == ["rotate-token"]


def test_completion_is_installed_where_the_shell_looks(tmp_path: Path) -> None:
    done = run_mdb("--install-completion", "--shell", "bash", env={"HOME": str(tmp_path)})
    assert done.returncode == 0
    (script,) = (tmp_path / ".local/share/bash-completion/completions").iterdir()
    assert "rotate-token" in script.read_text()


def test_a_client_loads_neither_the_server_nor_the_database() -> None:
    program = (
        "import sys; from mdb.cli.program import run; run(['health', '--url=http://127.0.0.1:1'])\n"
        "print(sorted({'trio', 'apsw', 'asyncpg', 'quart', 'hypercorn', 'rich.table', 'httpx2'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.stdout == "[]\n"


def test_the_page_about_the_command_line_has_every_command() -> None:
    page = (ROOT / "docs" / "CLI.md").read_text()
    for command in COMMANDS:
        if command != "version":
            assert f"`mdb {command}" in page
