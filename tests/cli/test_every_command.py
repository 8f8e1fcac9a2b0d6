"""Every command once: its help, what it prints with --json, and one failure."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fixtures.commands import TOKEN, Done
from fixtures.server import LIMIT, Server, environment

from mdb.cli.tree import make_app
from mdb.version import VERSION

# Without an answer of its own in JSON: a server announces itself, a script is for a shell.
WITHOUT_JSON = ("serve", "completion")

# What must be printed with --json, as keys of the first object; None: another kind of document.
KEYS: dict[str, set[str] | None] = {
    "version": {"version"},
    "migrate": {"migrated"},
    "config show": {"port", "db_url"},
    "ns create": {"namespace", "token", "createdAt"},
    "ns list": None,
    "ns info": {"namespace", "messageCount", "head"},
    "ns rotate-token": {"namespace", "token"},
    "ns delete": {"namespace", "deletedAt", "messagesDeleted"},
    "ns adopt": {"namespace", "schema", "token"},
    "ns grant": {"namespace", "role", "granted"},
    "ns release": {"released", "last"},
    "write": {"position", "globalPosition", "id"},
    "read": {"id", "stream", "type", "position", "globalPosition", "data", "metadata", "time"},
    "tail": {"id", "stream", "type", "position", "globalPosition", "data", "metadata", "time"},
    "export": {"exported", "file"},
    "import": {"imported", "elapsed"},
    "health": {"status"},
    "backup": {"destination", "namespaces"},
    "check": {"namespaces", "faults"},
}

# Command -> arguments with which it fails, exit code, and what its one line says.
FAILURES: dict[str, tuple[tuple[str, ...], int, str]] = {
    "version": (("--nonsense",), 2, "--nonsense"),
    "serve": (("--port=x",), 2, "port"),
    "completion": (("tcsh",), 2, "tcsh"),
    "migrate": (("--db-url=mysql://h/x",), 2, "db_url"),
    "config show": (("--log-level=loud",), 2, "log_level"),
    "ns create": (("default",), 1, "NAMESPACE_EXISTS"),
    "ns list": (("--token=ns_eA_" + "0" * 64,), 1, "AUTH_UNAUTHORIZED"),
    "ns info": (("nobodys",), 1, "NAMESPACE_NOT_FOUND"),
    "ns rotate-token": (("nobodys",), 1, "NAMESPACE_NOT_FOUND"),
    "ns delete": (("default", "--yes"), 1, "INVALID_REQUEST"),
    "ns adopt": (("mine", "--db-url=sqlite:///data"), 2, "only schemas of Postgres"),
    "ns grant": (("mine", "role", "--db-url=sqlite:///data"), 2, "only schemas of Postgres"),
    "ns release": (("mine", "--db-url=sqlite:///data"), 2, "only schemas of Postgres"),
    "write": (("a-1", "T", "{}", "--expected-version=7"), 1, "STREAM_VERSION_CONFLICT"),
    "read": (("--category", "a-1"), 1, "INVALID_REQUEST"),
    "tail": (("--all", "--token=ns_eA_" + "0" * 64), 1, "AUTH_UNAUTHORIZED"),
    "export": (("--output", "/no/such/place/x"), 1, "/no/such/place"),
    "import": (("/no/such/file",), 1, "/no/such/file"),
    "health": (("--url=http://127.0.0.1:1",), 1, "127.0.0.1:1"),
    "backup": (("/no/such/place/copy",), 1, "no database"),
    "check": (("--data-dir=/no/such/place",), 1, "/no/such/place"),
}


def every_command() -> list[str]:
    """The commands as the program itself has them, groups taken apart."""
    found = []
    app = make_app()
    for name in app:
        if name.startswith("-"):
            continue
        inner = [n for n in app[name] if not n.startswith("-")]
        found += [f"{name} {n}" for n in inner] or [name]
    return sorted(found)


def test_every_command_is_gone_through_here() -> None:
    assert sorted([*KEYS, *WITHOUT_JSON]) == every_command()
    assert sorted(FAILURES) == every_command()


@pytest.mark.parametrize("command", every_command())
def test_its_help_says_how_it_is_used_and_whether_it_prints_json(mdb: Any, command: str) -> None:
    done = mdb(*command.split(), "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: mdb {command}")
    assert ("--json" in done.out) == (command not in WITHOUT_JSON)


@pytest.fixture
def arguments(
    command: str, client: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> list[str]:
    """Arguments with which a command of ``KEYS`` succeeds; what it needs is there."""
    name = re.sub(r"\W+", "-", f"every-{request.node.callspec.id}")
    data = f"--data-dir={tmp_path / 'data'}"
    if command in ("ns info", "ns rotate-token", "ns delete"):
        assert client("ns", "create", name).code == 0
    if command in ("backup", "check"):
        assert client("migrate", data).code == 0
    if command in ("read", "tail"):
        assert client("write", f"{name}-1", "Happened", "1").code == 0
    if command == "import":
        (tmp_path / "history").write_text("")
    found: dict[str, list[str]] = {
        "migrate": [data],
        "ns create": [name],
        "ns info": [name],
        "ns rotate-token": [name],
        "ns delete": [name, "--yes"],
        "write": [f"{name}-1", "Happened", '{"n": 1}'],
        "read": [f"{name}-1"],
        "tail": [f"{name}-1"],
        "export": ["--output", str(tmp_path / "out")],
        "import": [str(tmp_path / "history")],
        "backup": [str(tmp_path / "copy"), data],
        "check": [data],
    }
    return found.get(command, [])


# These need a Message DB in a Postgres: tests/cli/test_client_adopt.py.
OF_POSTGRES = ("ns adopt", "ns grant", "ns release")


@pytest.mark.parametrize("command", [c for c in KEYS if c not in ("tail", *OF_POSTGRES)])
def test_with_json_it_prints_one_document(client: Any, command: str, arguments: list[str]) -> None:
    done: Done = client(*command.split(), *arguments, "--json")
    assert (done.code, done.err) == (0, "")
    documents = [json.loads(line) for line in done.out.splitlines()]
    assert len(documents) == 1
    keys = KEYS[command]
    if keys is None:
        assert any(row["namespace"] == "default" for row in documents[0])
    else:
        assert keys <= documents[0].keys()
    if command == "version":
        assert documents[0] == {"version": VERSION}


@pytest.mark.parametrize("command", ["tail"])
def test_tail_prints_an_object_a_line_until_it_is_interrupted(
    server: Server, command: str, arguments: list[str]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "mdb", command, *arguments, "--json"],
        env=environment({"MESSAGEDB_URL": server.url, "MESSAGEDB_TOKEN": TOKEN}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        _rest, err = process.communicate(timeout=LIMIT)
    finally:
        process.kill()
        process.communicate()
    assert KEYS[command] == first.keys()
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize("command", sorted(FAILURES))
def test_what_goes_wrong_is_one_line_and_an_exit_code(
    client: Any, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, code, says = FAILURES[command]
    done: Done = client(*command.split(), *arguments)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("mdb: ")
    assert done.err.count("\n") == 1
    assert says in done.err
