"""What else is asked of a server all day: its health, its list of namespaces, many connections."""

from __future__ import annotations

from bench.bodies import call, token, writes
from bench.lane import QUART
from bench.run import Run
from bench.servers import in_memory, on_file
from bench.workers import Served, Team, call_once, calling

NAMESPACES = 2000
LISTED = 100


def bench_health(run: Run) -> None:
    """`GET /health`, which is asked every few seconds by whoever watches the server."""
    server = in_memory(run)
    run.compare(
        "surface.health",
        "GET /health against the cheapest call on the same lane (sys.version by Quart)",
        ("/health", _health(run, server)),
        (
            "sys.version",
            calling(server, 8, [call("sys.version")], seconds=run.seconds, path=QUART),
        ),
    )


def _health(run: Run, server: Served) -> Team:
    return calling(server, 8, [("", "")], seconds=run.seconds, path="/health", method="GET")


def bench_list_namespaces(run: Run) -> None:
    """Does a page of the list cost the same when there are many?"""
    few, many = in_memory(run), in_memory(run)
    ids = [f"tenant-{number}" for number in range(run.amount(NAMESPACES))]
    for server, names in ((few, ids[:LISTED]), (many, ids)):
        create = [call("ns.create", one, {"token": token(one)}) for one in names]
        call_once(server, 1, create)
    page = [call("ns.list", {"limit": LISTED})]
    run.compare(
        "surface.list",
        f"ns.list of {LISTED} among {len(ids):,} namespaces, in memory (median)",
        (f"of {len(ids):,}", calling(many, 1, page, seconds=run.seconds)),
        (f"of {LISTED}", calling(few, 1, page, seconds=run.seconds)),
        measure="median",
    )


def bench_connections(run: Run) -> None:
    """Durable writes over many connections against as many writes over fewer."""
    server = on_file(run)
    calls = writes()
    seconds = run.seconds * 2  # an answer takes a good part of a slice
    run.compare(
        "surface.connections",
        "Durable writes to a SQLite file over 512 connections, against 64",
        ("512 connections", calling(server, 512, calls, seconds=seconds)),
        ("64 connections", calling(server, 64, calls, seconds=seconds)),
    )
