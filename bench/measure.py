"""The things that are timed. Each returns operations a second of one round."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from mdb.core.messages import Append
from mdb.rpc.table import METHODS
from mdb.stores.sqlite import writes
from mdb.stores.sqlite.connections import FileConnections, IdleReaders

TOKEN = "ns_ZGVmYXVsdA_" + "0123456789abcdef" * 4

STREAMS = 1000

START_LIMIT = 60


def write_bodies() -> list[bytes]:
    """Return writes of real shape to 1,000 streams of one category."""
    message = {"type": "Deposited", "data": {"amount": 5, "note": "for the rent of March"}}
    return [json.dumps(["stream.write", f"account-{n}", message]).encode() for n in range(STREAMS)]


@contextlib.contextmanager
def served(*arguments: str) -> Iterator[int]:
    """Run the real command; yield its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mdb", "serve", "--port=0", *arguments],
        env={**os.environ, "MESSAGEDB_TOKEN": TOKEN, "MESSAGEDB_LOG_LEVEL": "warning"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Listening on :"):
                break
        else:
            raise SystemExit("the server did not start")
        yield int(line.rpartition(":")[2])
    finally:
        process.terminate()
        process.wait(START_LIMIT)


def load(port: int, connections: int, requests: int, bodies: list[bytes]) -> float:
    """Send so many requests from a process of its own; return how many were answered a second."""
    command = [sys.executable, "-m", "bench.load", str(port), str(connections), str(requests)]
    done = subprocess.run(
        command,
        input=b"\n".join(bodies),
        stdout=subprocess.PIPE,
        env={**os.environ, "MESSAGEDB_TOKEN": TOKEN},
        check=True,
        timeout=300,
    )
    return requests / float(json.loads(done.stdout)["seconds"])


def commits_one_by_one(requests: int) -> float:
    """Write to a SQLite file in this process, each message in a durable commit of its own."""
    bodies = [json.loads(body) for body in write_bodies()]
    appends: list[Append] = []
    for number in range(requests):
        call = bodies[number % STREAMS]
        appends.append(_append(call))
    with tempfile.TemporaryDirectory(prefix="mdb-bench-", dir=Path.cwd()) as scratch:
        connections = FileConnections(Path(scratch) / "bench.db", IdleReaders(1))
        connections.create()
        db = connections.writer()
        try:
            begun = time.perf_counter()
            for append in appends:
                writes.commit(db, [append])
            return requests / (time.perf_counter() - begun)
        finally:
            connections.close_writer(db)


def _append(call: list[object]) -> Append:
    import msgspec  # noqa: PLC0415  (beside the only use)

    parts = [msgspec.Raw(json.dumps(part).encode()) for part in call]
    append: Append = METHODS["stream.write"].arguments(parts)[0]
    return append
