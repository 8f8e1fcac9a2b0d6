"""The 95th percentile of each kind of call, one caller, against what it may take at most."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from bench.bodies import ADMIN, DATA, TYPE, call, token, writes
from bench.run import Run
from bench.sample import Sample
from bench.servers import in_memory, on_file, on_postgres, postgres
from bench.workers import Served, call_once

# Milliseconds: write, read, category read, create a namespace, delete one.
POSTGRES = (10, 20, 30, 100, 200)
SQLITE_FILE = (5, 8, 30, 50, 100)
MEMORY = (1, 2, 10, 20, 50)

CALLS = 400
NAMESPACES = 60
PAGE = 100
STREAMS = 20


class Targets:
    """The calls of one backend, in rounds that alternate between their kinds."""

    def __init__(self, run: Run, server: Served, page: int) -> None:
        self.run = run
        self.server = server
        self.page = page
        self.calls = max(run.amount(CALLS), 50)
        self.numbers = itertools.count()
        message = {"type": TYPE, "data": DATA}
        self.send(
            [call("stream.writeBatch", f"full-{n}", [message] * PAGE) for n in range(STREAMS)]
        )

    def send(self, calls: Sequence[tuple[str, str]]) -> Sample:
        """Make each of the calls once."""
        return call_once(self.server, 1, calls)

    def repeat(self, calls: list[tuple[str, str]]) -> Sample:
        """Make the calls in turn, as many as a round has."""
        return self.send(list(itertools.islice(itertools.cycle(calls), self.calls)))

    def round(self) -> list[float]:
        """Return the percentiles of write, read, category read, create and delete, in ms."""
        options = {"batchSize": self.page}
        ids = [f"target-{next(self.numbers)}" for _ in range(self.run.amount(NAMESPACES))]
        create = [call("ns.create", one, {"token": token(one)}) for one in ids]
        delete = [call("ns.delete", one, token=ADMIN) for one in ids]
        samples = (
            self.repeat(writes()),
            self.repeat([call("stream.get", f"full-{n}", options) for n in range(STREAMS)]),
            self.repeat([call("category.get", "full", {"batchSize": PAGE})]),
            self.send(create),
            self.send(delete),
        )
        return [sample.p95 * 1000 for sample in samples]


def judge(
    run: Run, server: Served, key: str, where: str, targets: Sequence[int], page: int = PAGE
) -> None:
    """Measure and judge the five kinds of calls on one backend."""
    measured = Targets(run, server, page)
    measured.round()  # not counted
    rounds = [measured.round() for _ in range(run.rounds)]
    kinds = (
        ("write", "a write"),
        ("read", f"a read of {page}"),
        ("category", f"a category read of {PAGE}"),
        ("create", "the creation of a namespace"),
        ("delete", "the deletion of a namespace"),
    )
    for (name, kind), target, values in zip(kinds, targets, zip(*rounds, strict=True), strict=True):
        run.amounts(
            f"latency_targets.{key}_{name}",
            f"p95 of {kind}, {where}",
            list(values),
            "ms",
            target=target,
        )


def bench_MDB001_7A_T6_performance_targets_postgres(run: Run) -> None:
    """On Postgres."""
    judge(run, on_postgres(run, postgres(run)), "postgres", "Postgres", POSTGRES)


def bench_MDB001_7A_T6_performance_targets_sqlite_file(run: Run) -> None:
    """On SQLite files; the read is of ten messages."""
    judge(run, on_file(run), "sqlite", "a SQLite file", SQLITE_FILE, page=10)


def bench_MDB001_7A_T6_performance_targets_sqlite_memory(run: Run) -> None:
    """In memory."""
    judge(run, in_memory(run), "memory", "memory", MEMORY)
