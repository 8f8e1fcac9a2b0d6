"""`mdb serve` as a process: what it prints, how it refuses to start, how it stops."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from fixtures.server import run_mdb, start_process, start_server

TOKEN = "ns_ZGVmYXVsdA_" + "0123456789abcdef" * 4
OTHER_TOKEN = "ns_ZGVmYXVsdA_" + "f" * 64


def test_standard_output_is_the_token_and_the_port_and_nothing_else(tmp_path: Path) -> None:
    with start_server([f"--data-dir={tmp_path}", "--log-level=debug"]) as server:
        assert server.rpc("ns.list", token=server.default_token).status_code == 200
        assert server.stop() == 0
        pattern = rf"Default token: ns_ZGVmYXVsdA_[0-9a-f]{{64}}\nListening on :{server.port}\n"
        assert re.fullmatch(pattern, server.stdout)
        assert server.default_token is not None
        assert server.default_token not in server.stderr


def test_the_default_token_is_shown_at_the_first_start_only_and_stays(tmp_path: Path) -> None:
    args = [f"--data-dir={tmp_path}"]
    with start_server(args) as first:
        token = first.default_token
        first.stop()
    with start_server(args) as second:
        assert second.stdout == f"Listening on :{second.port}\n"
        assert second.rpc("ns.list", token=token).status_code == 200


def test_a_token_that_could_not_be_shown_is_made_anew_by_the_next_start(tmp_path: Path) -> None:
    args = ["serve", f"--data-dir={tmp_path}", "--port=0"]
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "mdb", *args]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    with start_server([f"--data-dir={tmp_path}"]) as second:
        assert second.default_token is not None
        assert second.rpc("ns.list", token=second.default_token).status_code == 200


def test_a_token_that_is_given_is_the_admins_and_is_never_shown(tmp_path: Path) -> None:
    with start_server([f"--data-dir={tmp_path}"], {"MESSAGEDB_TOKEN": TOKEN}) as server:
        assert server.rpc("ns.list", token=TOKEN).status_code == 200
        assert server.stop() == 0
        assert server.stdout == f"Listening on :{server.port}\n"
        assert TOKEN not in server.stderr


def test_another_token_replaces_the_stored_one_with_a_warning(tmp_path: Path) -> None:
    args = [f"--data-dir={tmp_path}"]
    with start_server([*args, f"--token={TOKEN}"]) as first:
        first.stop()
    with start_server([*args, f"--token={OTHER_TOKEN}"]) as second:
        assert second.rpc("ns.list", token=OTHER_TOKEN).status_code == 200
        assert second.rpc("ns.list", token=TOKEN).status_code == 403
        assert "the admin token was replaced" in second.stderr
    with start_server([*args, f"--token={OTHER_TOKEN}"]) as third:
        assert "the admin token was replaced" not in third.stderr


def test_the_token_of_a_file_counts(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(TOKEN + "\n")
    env = {"MESSAGEDB_TOKEN_FILE": str(secret), "MESSAGEDB_DATA_DIR": str(tmp_path / "data")}
    with start_server([], env) as server:
        assert server.rpc("ns.list", token=TOKEN).status_code == 200


@pytest.mark.parametrize(
    "token",
    ["abc", "ns_b3RoZXI_" + "0" * 64, TOKEN[:-1]],
    ids=["not of the form", "of another namespace", "too short"],
)
def test_a_malformed_token_ends_it_with_2_and_is_not_quoted(tmp_path: Path, token: str) -> None:
    done = run_mdb("serve", "--port=0", f"--data-dir={tmp_path}", f"--token={token}")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("mdb: token (from --token): ")
    assert token not in done.stderr
    assert done.stderr.count("\n") == 1


def test_listening_means_that_requests_are_answered(tmp_path: Path) -> None:
    with start_server([f"--data-dir={tmp_path}"]) as server:
        assert httpx2.get(f"{server.url}/ready", timeout=30).json() == {"status": "ready"}
        assert server.rpc("sys.version").status_code == 200


def test_without_settings_it_keeps_its_data_in_the_directory_data(tmp_path: Path) -> None:
    with start_server([], cwd=tmp_path) as server:
        assert server.stop() == 0
    assert (tmp_path / "data" / "metadata.db").is_file()


def test_in_test_mode_nothing_is_written_and_a_call_gets_a_namespace(tmp_path: Path) -> None:
    with start_server(["--test-mode"], cwd=tmp_path) as server:
        answer = server.rpc("stream.write", "account-1", {"type": "Opened", "data": {}})
        assert answer.status_code == 200
        assert answer.headers["X-MessageDB-Token"].startswith("ns_")
        assert server.stop() == 0
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_ends_it_with_1_and_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run_mdb("serve", f"--port={port}", f"--data-dir={tmp_path}", f"--token={TOKEN}")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == f"mdb: cannot listen on 127.0.0.1, port {port}: {_IN_USE}\n"


_IN_USE = "Address already in use"


def test_a_second_server_on_the_same_directory_ends_with_1_and_says_who_owns_it(
    tmp_path: Path,
) -> None:
    with start_server([f"--data-dir={tmp_path}"]) as server:
        done = run_mdb("serve", "--port=0", f"--data-dir={tmp_path}")
        assert done.returncode == 1
        assert done.stdout == ""
        assert str(tmp_path) in done.stderr
        assert str(server.process.pid) in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_data_directory_that_is_a_file_ends_it_with_1(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run_mdb("serve", "--port=0", f"--data-dir={tmp_path / 'file'}")
    assert done.returncode == 1
    assert str(tmp_path / "file") in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_database_of_a_newer_version_ends_it_with_1_and_is_left_as_it_is(tmp_path: Path) -> None:
    assert run_mdb("migrate", f"--data-dir={tmp_path}").returncode == 0
    with sqlite3.connect(tmp_path / "metadata.db") as db:
        db.execute("INSERT INTO schema_migrations VALUES (9999, 'of_the_future', 'x', 0)")
    db.close()
    for command in (["serve", "--port=0"], ["migrate"]):
        done = run_mdb(*command, f"--data-dir={tmp_path}")
        assert done.returncode == 1
        assert done.stdout == ""
        assert "newer" in done.stderr
        assert done.stderr.count("\n") == 1


def test_settings_of_a_file_are_in_force(tmp_path: Path) -> None:
    file = tmp_path / "mdb.toml"
    file.write_text(f'data_dir = "{tmp_path / "store"}"\nlog_level = "warning"\n')
    with start_server([f"--config={file}"]) as server:
        assert server.stop() == 0
        assert server.stderr == ""
    assert (tmp_path / "store" / "metadata.db").is_file()


def test_of_two_servers_that_start_at_once_on_one_directory_one_serves(tmp_path: Path) -> None:
    args = ["serve", "--port=0", f"--data-dir={tmp_path}"]
    with start_process(args) as one, start_process(args) as other:
        first_end = [one, other]
        while all(server.process.poll() is None for server in first_end):
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.process.wait(0.05)
        lost, won = sorted(first_end, key=lambda server: server.process.poll() is None)
        assert lost.wait() == 1
        assert "in use" in lost.stderr
        won.wait_listening()
        assert won.rpc("sys.version").status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_0_although_a_subscription_is_open(
    tmp_path: Path, number: signal.Signals
) -> None:
    with start_server([f"--data-dir={tmp_path}", f"--token={TOKEN}"]) as server:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"{server.url}/subscribe?all=true"
        with httpx2.stream("GET", url, headers=headers, timeout=30) as response:
            lines = response.iter_lines()
            assert next(line for line in lines if line) == "retry: 1000"
            server.send(number)
            # The stream has a valid ending: the client is not left with half an event.
            assert list(lines)[:1] == [": ready"]
        assert server.wait() == 0


def test_a_signal_during_the_grace_period_ends_it_at_once_with_1(tmp_path: Path) -> None:
    with (
        start_server([f"--data-dir={tmp_path}", "--grace=600"]) as server,
        socket.create_connection(("127.0.0.1", server.port)) as client,
    ):
        # A request whose body never comes: draining waits for it.
        client.sendall(b"POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[")
        httpx2.get(f"{server.url}/health", timeout=30)
        server.send(signal.SIGTERM)
        server.wait_stderr('"stopping"')
        server.send(signal.SIGTERM)
        assert server.wait() == 1
        assert "stopped at once" in server.stderr


def test_a_hangup_does_not_stop_it(tmp_path: Path) -> None:
    with start_server([f"--data-dir={tmp_path}"]) as server:
        server.send(signal.SIGHUP)
        server.wait_stderr("SIGHUP")
        assert server.rpc("sys.version").status_code == 200
        assert server.stop() == 0


def test_what_was_answered_is_there_after_a_restart(tmp_path: Path) -> None:
    args = [f"--data-dir={tmp_path}", f"--token={TOKEN}"]
    with start_server(args) as first:
        written = first.rpc("stream.write", "a-1", {"type": "T", "data": 1}, token=TOKEN)
        assert written.json()["position"] == 0
        first.stop()
    with start_server(args) as second:
        assert second.rpc("stream.version", "a-1", token=TOKEN).json() == 0


def test_the_log_is_json_lines_where_standard_error_is_no_terminal(tmp_path: Path) -> None:
    with start_server([f"--data-dir={tmp_path}"]) as server:
        server.stop()
        events = [json.loads(line) for line in server.stderr.splitlines()]
    assert [event["event"] for event in events] == ["serving", "stopping", "stopped"]
    assert events[0]["level"] == "info"
    assert events[0]["port"] == server.port


def test_systemd_is_told_when_it_serves_and_when_it_stops(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(address)
        notified.settimeout(30)
        with start_process(
            ["serve", "--port=0", f"--data-dir={tmp_path / 'data'}"], {"NOTIFY_SOCKET": address}
        ) as server:
            assert notified.recv(100) == b"READY=1"
            server.wait_listening()
            server.send(signal.SIGTERM)
            assert notified.recv(100) == b"STOPPING=1"
            assert server.wait() == 0
