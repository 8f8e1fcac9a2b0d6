"""What many namespaces and many idle subscribers cost in memory (resident, of the server)."""

from __future__ import annotations

from bench.bodies import ADMIN, DATA, TYPE, call, token
from bench.fill import empty_namespaces
from bench.machine import resident
from bench.run import Run
from bench.servers import on_file, served
from bench.workers import call_once, holding

NAMESPACES = 10_000
SUBSCRIBERS = 10_000

# Callers that write to them.
CONNECTIONS = 64


def bench_memory_of_namespaces(run: Run) -> None:
    """Write a message to each of many namespaces on SQLite, each a file, once."""
    count = run.amount(NAMESPACES)
    data = run.directory() / "data"
    ids = [f"tenant-{number}" for number in range(count)]
    empty_namespaces(data, ids)
    server = run.closing.enter_context(served(f"--data-dir={data}"))
    message = {"type": TYPE, "data": DATA}
    touch = [call("stream.write", "account-1", message, token=token(one)) for one in ids]
    call_once(server, CONNECTIONS, touch)
    run.amounts(
        "memory.namespaces",
        f"Memory with {count:,} namespaces, each written to once, SQLite",
        [resident(server.process)],
        "MB",
        target=300,
        compared=not run.quick,
    )


def bench_memory_of_subscribers(run: Run) -> None:
    """Subscribers that wait for what never comes."""
    count = run.amount(SUBSCRIBERS)
    server = on_file(run)
    spec = {
        "port": server.port,
        "subscribers": count,
        "query": "category=account&position=end",
        "token": ADMIN,
        "writes": [],
    }
    with holding("bench.followers", spec):
        run.amounts(
            "memory.subscribers",
            f"Memory with {count:,} idle subscribers",
            [resident(server.process)],
            "MB",
            target=500,
            compared=not run.quick,
        )
