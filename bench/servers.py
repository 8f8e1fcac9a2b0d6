"""What is measured: the real command, and a Postgres whose every commit is on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bench.bodies import ADMIN
from bench.run import Run
from bench.workers import ROOT, Served
from tests.fixtures.postgres_server import PostgresServer, running_server

# Seconds that starting and stopping may take.
LIMIT = 60.0

# Of a Postgres as people run it, on a small machine. The checkpoints that a run brings about are
# nobody's: with the default size of the log one side would pay for the other's.
POSTGRES_SETTINGS = {"max_connections": "200", "shared_buffers": "256MB", "max_wal_size": "4GB"}


@contextmanager
def served(*arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Run `mdb serve` until the block ends. The default namespace has the token `ADMIN`."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MESSAGEDB_")}
    own = {"MESSAGEDB_TOKEN": ADMIN, "MESSAGEDB_LOG_LEVEL": "warning"}
    process = subprocess.Popen(
        [sys.executable, "-m", "mdb", "serve", "--port=0", *arguments],
        env={**kept, **own, **(environment or {})},
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Listening on :"):
                break
        else:
            raise SystemExit("the server did not start")
        yield Served(int(line.rpartition(":")[2]), process.pid)
    finally:
        process.terminate()
        try:
            process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def postgres(run: Run) -> PostgresServer:
    """Start a Postgres of the run's own, durable, gone after the present subject."""
    return run.closing.enter_context(running_server(durable=True, settings=POSTGRES_SETTINGS))


def on_postgres(run: Run, server: PostgresServer) -> Served:
    """Serve a database of its own on that Postgres."""
    return run.closing.enter_context(served(f"--db-url={database(server, 'mdb')}"))


def on_file(run: Run) -> Served:
    """Serve SQLite files."""
    return run.closing.enter_context(served(f"--data-dir={run.directory()}/data"))


def in_memory(run: Run) -> Served:
    """Serve a database in memory."""
    return run.closing.enter_context(served("--db-url=sqlite://:memory:"))


def database(server: PostgresServer, name: str) -> str:
    """Create an empty database; return its URL."""
    psql(server, "postgres", f"create database {name} template template0")
    return server.url(name)


def psql(server: PostgresServer, name: str, script: str, *, search_path: str = "public") -> None:
    """Run a script of SQL. Raises `SystemExit` where a statement fails."""
    done = subprocess.run(
        [str(server.bin / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", server.url(name)],
        input=script,
        env={**os.environ, "PGOPTIONS": f"-c search_path={search_path}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=LIMIT * 10,
    )
    if done.returncode != 0:
        raise SystemExit(f"psql: {done.stderr}")
