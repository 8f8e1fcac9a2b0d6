"""The tests' own server: what the tests of crashes and restarts rely on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.fixtures.postgres_server import CannotRunPostgres, PostgresServer, binaries


def run(server: PostgresServer, statement: str) -> Any:
    async def call() -> Any:
        conn = await asyncpg.connect(server.url(), timeout=10)
        try:
            return await conn.fetchval(statement)
        finally:
            await conn.close()

    return asyncio.run(call())


@pytest.mark.parametrize("how", ["kill", "crash", "stop"])
def test_a_durable_server_keeps_what_was_committed(
    private_postgres: Callable[..., PostgresServer], how: str
) -> None:
    server = private_postgres(durable=True)
    assert run(server, "show fsync") == "on"
    assert run(server, "show synchronous_commit") == "on"
    run(server, "create table kept as select 7 as n")
    port, pid = server.port, server.pid
    if how == "kill":
        server.kill()
    elif how == "crash":
        server.stop(signal.SIGQUIT)
    else:
        server.stop()
    assert not server.running
    with pytest.raises(ConnectionRefusedError):
        run(server, "select 1")
    server.start()
    assert (server.port, run(server, "select n from kept")) == (port, 7)
    assert server.pid != pid


def test_a_unix_socket_is_served_too(private_postgres: Callable[..., PostgresServer]) -> None:
    server = private_postgres()

    async def call() -> Any:
        conn = await asyncpg.connect(
            host=str(server.socket_directory), port=server.port, user="postgres", timeout=10
        )
        try:
            return await conn.fetchval("select inet_server_addr() is null")
        finally:
            await conn.close()

    assert asyncio.run(call())


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # In a container whose first process does not reap, the dead stay listed.
        return " Z " not in Path(f"/proc/{pid}/stat").read_text("utf-8")
    except FileNotFoundError:  # no /proc: it answered the signal
        return True
    except ProcessLookupError:
        return False


def test_a_killed_test_run_leaves_no_server_behind() -> None:
    script = (
        "import sys, time; from tests.fixtures.postgres_server import PostgresServer\n"
        "s = PostgresServer(); s.start(); print(s.pid, s.directory, flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": "."},
    )
    assert child.stdout is not None
    with child:
        pid, directory = child.stdout.readline().split()
        child.kill()
        # The watchdog has inherited the pipe: it ends when the watchdog has done its work.
        assert child.stdout.read() == ""
    assert not alive(int(pid))
    assert not Path(directory).exists()


def test_missing_binaries_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MESSAGEDB_TEST_PG_BIN", str(tmp_path))
    with pytest.raises(CannotRunPostgres, match="MESSAGEDB_TEST_PG_BIN"):
        binaries()
