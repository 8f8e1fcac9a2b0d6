"""How long after a write's answer its subscribers have been poked: 100 of them, one process."""

from __future__ import annotations

from bench.bodies import ADMIN, writes
from bench.run import Run
from bench.servers import on_file, on_postgres, postgres
from bench.workers import Served, Team

SUBSCRIBERS = 100
WRITES = 100


def followed(server: Served, count: int) -> Team:
    """Follow a category with all subscribers; in each slice so many messages are written to it."""
    spec = {
        "port": server.port,
        "subscribers": SUBSCRIBERS,
        "query": "category=account&position=end",
        "token": ADMIN,
        "writes": writes()[:count],
    }
    return Team("bench.followers", [spec], server)


def deliver(run: Run, server: Served, key: str, where: str) -> None:
    """Measure on one backend."""
    count = run.amount(WRITES)
    with followed(server, count) as team:
        team()  # not counted
        samples = [team() for _ in range(run.rounds)]
    run.amounts(
        f"pokes.{key}",
        f"Poke delivery from the write's answer, {SUBSCRIBERS} subscribers, {where}, p95",
        [sample.p95 * 1000 for sample in samples],
        "ms",
        target=5,
    )


def bench_pokes_postgres(run: Run) -> None:
    """On Postgres."""
    deliver(run, on_postgres(run, postgres(run)), "postgres", "Postgres")


def bench_pokes_sqlite(run: Run) -> None:
    """On a SQLite file."""
    deliver(run, on_file(run), "sqlite", "a SQLite file")
