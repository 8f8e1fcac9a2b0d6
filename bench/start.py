"""From the command to the line that says that it listens."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

from bench.run import Run
from bench.sample import Sample
from bench.servers import database, postgres, served

# Starts of a round.
STARTS = 2


def starts(*arguments: str) -> Sample:
    """Start and stop the server; the latency is that of the start alone."""
    return _timed(lambda: _start(*arguments))


def interpreter() -> Sample:
    """Start an interpreter that imports what any server in Python would: sockets and JSON."""
    command = [sys.executable, "-c", "import asyncio, json"]
    return _timed(lambda: _elapsed(lambda: subprocess.run(command, check=True, timeout=60)))


def _timed(once: Callable[[], float]) -> Sample:
    taken = sorted(once() for _ in range(STARTS))
    return Sample(STARTS, sum(taken), taken)


def _start(*arguments: str) -> float:
    begun = time.perf_counter()
    with served(*arguments):
        return time.perf_counter() - begun


def _elapsed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def bench_start(run: Run) -> None:
    """On a database that exists already, as after an update or a crash."""
    cluster = postgres(run)
    url = database(cluster, "mdb")
    data = run.directory() / "data"
    for key, where, option in (
        ("sqlite", "SQLite", f"--data-dir={data}"),
        ("postgres", "Postgres", f"--db-url={url}"),
    ):
        starts(option)
        result = run.compare(
            f"start.{key}",
            f"Start with {where}, against that of an interpreter that imports asyncio and json",
            ("mdb serve", partial(starts, option)),
            ("python", interpreter),
            measure="median",
            slices=1,
        )
        taken = result.sides[0].value
        run.amounts(
            f"start.{key}_seconds",
            f"From the command to Listening, with {where}",
            [value / 1000 for value in (taken.low, taken.median, taken.high)],
            "s",
            target=1,
        )
