"""From the command to the line that says that it listens."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial

from bench.run import Run
from bench.sample import Sample
from bench.servers import database, postgres, served

# Of each side: enough for a median, and little else is as slow.
ROUNDS = 3


def start(*arguments: str) -> Sample:
    """Start and stop the server; the latency is that of the start alone."""
    begun = time.perf_counter()
    with served(*arguments):
        return _one(begun)


def interpreter() -> Sample:
    """Start an interpreter that imports what any server in Python would: sockets and JSON."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import asyncio, json"], check=True, timeout=60)
    return _one(begun)


def _one(begun: float) -> Sample:
    taken = time.perf_counter() - begun
    return Sample(1, taken, [taken])


def bench_start(run: Run) -> None:
    """On a database that exists already, as after an update or a crash."""
    cluster = postgres(run)
    url = database(cluster, "mdb")
    data = run.directory() / "data"
    for key, where, option in (
        ("sqlite", "SQLite", f"--data-dir={data}"),
        ("postgres", "Postgres", f"--db-url={url}"),
    ):
        result = run.compare(
            f"start.{key}",
            f"Start with {where}, against that of an interpreter that imports asyncio and json",
            ("mdb serve", partial(start, option)),
            ("python", interpreter),
            measure="median",
            rounds=min(run.rounds, ROUNDS),
            slices=2,
        )
        taken = result.sides[0].value
        run.amounts(
            f"start.{key}_seconds",
            f"From the command to Listening, with {where}",
            [value / 1000 for value in (taken.low, taken.median, taken.high)],
            "s",
            target=1,
        )
