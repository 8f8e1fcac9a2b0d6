"""`make bench`: time two things in turns, print the ratio of their medians, and the spread.

Absolute figures drift with the machine and its load; the ratio of two things measured in the same
minute does not.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench.measure import commits_one_by_one, load, served, write_bodies

ROUNDS = 5
WRITES = 6400
CALLS = 3200

Timed = Callable[[], float]


def compare(title: str, one: tuple[str, Timed], other: tuple[str, Timed]) -> None:
    """Run both in alternation and print what came of it, in operations a second."""
    rounds = [(one[1](), other[1]()) for _ in range(ROUNDS)]
    print(title)
    for name, figures in zip((one[0], other[0]), zip(*rounds, strict=True), strict=True):
        middle = statistics.median(figures)
        print(f"  {name:<44} {middle:>9,.0f}/s  ({min(figures):,.0f} to {max(figures):,.0f})")
    ratios = [first / second for first, second in rounds]
    middle = statistics.median(ratios)
    print(
        f"  {'ratio':<44} {middle:>9.2f}    ({min(ratios):.2f} to {max(ratios):.2f})\n", flush=True
    )


def main() -> None:
    """Run everything."""
    with ExitStack() as stack:
        scratch = tempfile.TemporaryDirectory(prefix="mdb-bench-", dir=Path.cwd())
        directory = stack.enter_context(scratch)
        port = stack.enter_context(served(f"--data-dir={directory}/data"))
        bodies = write_bodies()
        load(port, 64, WRITES // 4, bodies)
        for connections in (1, 64):
            count = WRITES if connections > 1 else WRITES // 8
            compare(
                f"Durable writes over HTTP to a SQLite file, {connections} connections",
                ("HTTP", lambda n=connections, c=count: load(port, n, c, bodies)),
                ("in process, a commit a message", lambda c=count: commits_one_by_one(c // 4)),
            )
        version = [b'["sys.version"]']
        one_call = [b'[["sys.version"]]']
        compare(
            "Calls that need no database, 32 connections",
            ("a call a request", lambda: load(port, 32, CALLS * 4, version)),
            ("the same call in a pipeline of one", lambda: load(port, 32, CALLS * 4, one_call)),
        )


if __name__ == "__main__":
    main()
