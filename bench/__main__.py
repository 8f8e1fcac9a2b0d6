"""`python -m bench [NAME...] [--rounds N] [--json FILE] [--quick]`: measure, print tables.

Absolute figures drift with the machine and its load; the ratio of two things that are timed in
turns does not, or little. Each subject is a module of this package; its functions `bench_...` are
run in the order in which they stand there.

    --check     fail where a ratio is more than 20 % worse than in bench/baseline.json
    --record    write the ratios into bench/baseline.json
    --quick     a smoke test: does everything run? Its figures mean nothing
    --scratch   a directory on a disk (memory makes every commit cheap); default: the temporary one
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from bench import baseline
from bench.machine import in_memory, words
from bench.results import summary
from bench.run import Run

# In the order in which they are run.
SUBJECTS = (
    "writes_postgres",
    "writes_sqlite",
    "lane",
    "reads",
    "depth",
    "pokes",
    "latency_targets",
    "surface",
    "start",
    "memory",
)


def functions(subject: str) -> Iterator[Callable[[Run], None]]:
    """Yield what a subject measures."""
    for name, value in vars(importlib.import_module(f"bench.{subject}")).items():
        if name.startswith("bench_"):
            yield value


def measure(run: Run, subjects: list[str]) -> None:
    """Run subjects one after the other; what one of them started is gone before the next."""
    for subject in subjects:
        begun = time.monotonic()
        print(f"--- {subject}", flush=True)
        for function in functions(subject):
            with ExitStack() as run.closing:
                function(run)
        print(f"    ({time.monotonic() - begun:.0f} s)\n", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for. Returns the exit status: 1 where `--check` found a regression."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=(__doc__ or "").partition("\n")[0],
        epilog=f"Subjects: {', '.join(SUBJECTS)}.",
    )
    parser.add_argument("subjects", nargs="*", metavar="NAME", help="a subject; default: all")
    parser.add_argument("--rounds", type=int, default=None, help="of each comparison; default: 5")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--quick", action="store_true", help="a smoke test")
    parser.add_argument("--check", action="store_true", help="compare with the baseline")
    parser.add_argument("--record", action="store_true", help="write the baseline")
    parser.add_argument("--scratch", type=Path, default=None, help="a directory on a disk")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.subjects) - set(SUBJECTS))
    if unknown:
        parser.error(f"no such subject: {', '.join(unknown)}")
    if options.quick and (options.check or options.record):
        parser.error("--quick measures nothing that could be compared or recorded")
    if options.scratch is not None:
        tempfile.tempdir = str(options.scratch)  # Postgres keeps its files there too
    with tempfile.TemporaryDirectory(prefix="mdb-bench-", ignore_cleanup_errors=True) as scratch:
        Path(scratch).chmod(0o755)
        rounds = options.rounds or (1 if options.quick else 5)
        run = Run(rounds=rounds, quick=options.quick, scratch=Path(scratch))
        machine = words(Path(scratch))
        print(f"{machine}; {rounds} rounds\n")
        if in_memory(Path(scratch)):
            print("WARNING: the scratch directory is in memory: no commit waits for a disk\n")
        measure(run, options.subjects or list(SUBJECTS))
    print(summary(run.results))
    if options.json is not None:
        encoded = msgspec.json.encode(run.results)
        options.json.write_bytes(msgspec.json.format(encoded, indent=2) + b"\n")
    if options.record:
        baseline.record(run.results, machine)
    if options.check:
        return _check(run)
    return 0


def _check(run: Run) -> int:
    found = baseline.regressions(run.results, baseline.load())
    for line in found:
        print(line)
    print(f"{len(found)} regressions")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
