"""What many namespaces and many idle subscribers cost in memory (resident, of the server)."""

from __future__ import annotations

from bench.bodies import ADMIN, DATA, TYPE, call, token
from bench.machine import resident
from bench.run import Run
from bench.servers import on_file
from bench.workers import holding, load

NAMESPACES = 10_000
SUBSCRIBERS = 10_000

# Callers that create namespaces and write to them.
CONNECTIONS = 16


def bench_memory_of_namespaces(run: Run) -> None:
    """Create namespaces on SQLite, each a file, and write a message to each of them, once."""
    count = run.amount(NAMESPACES)
    server = on_file(run)
    ids = [f"tenant-{number}" for number in range(count)]
    create = [call("ns.create", one, {"token": token(one)}) for one in ids]
    load(server, CONNECTIONS, create, seconds=900, requests=count)
    message = {"type": TYPE, "data": DATA}
    touch = [call("stream.write", "account-1", message, token=token(one)) for one in ids]
    load(server, CONNECTIONS, touch, seconds=900, requests=count)
    run.amounts(
        "memory.namespaces",
        f"Memory with {count:,} namespaces created and written to once, SQLite",
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
