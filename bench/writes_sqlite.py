"""Writes over HTTP to SQLite, against a loop in one process that commits message by message."""

from __future__ import annotations

from functools import partial

from bench.bodies import writes
from bench.run import Run
from bench.servers import in_memory, on_file
from bench.sqlite_loop import opened
from bench.workers import call_once, calling


def bench_MDB001_7A_T2_write_message_sqlite_file(run: Run) -> None:
    """Durable writes at 64 connections, and the latency of a lone caller."""
    server = on_file(run)
    loop = opened(run.directory() / "loop.db")
    run.closing.callback(loop.close)
    calls = writes()
    call_once(server, 64, calls)
    loop.writes(min(run.seconds, 0.5))
    run.compare(
        "writes_sqlite.rate_64",
        "Durable writes over HTTP to a SQLite file, 64 connections",
        ("HTTP", calling(server, 64, calls, seconds=run.seconds)),
        ("in process, a commit a message", partial(loop.writes, run.seconds)),
        target=2.0,
    )
    run.compare(
        "writes_sqlite.latency_1",
        "Latency of a durable write over HTTP to a SQLite file, 1 connection (median)",
        ("HTTP", calling(server, 1, calls, seconds=run.seconds)),
        ("in process, a commit a message", partial(loop.writes, run.seconds)),
        measure="median",
    )


def bench_MDB001_7A_T3_write_message_sqlite_memory(run: Run) -> None:
    """Writes that nothing makes durable: what the HTTP, the actor and the JSON rules cost."""
    server = in_memory(run)
    loop = opened(None)
    run.closing.callback(loop.close)
    calls = writes()
    call_once(server, 64, calls)
    run.compare(
        "writes_sqlite.memory_64",
        "Writes over HTTP to memory, 64 connections",
        ("HTTP", calling(server, 64, calls, seconds=run.seconds)),
        ("in process, a commit a message", partial(loop.writes, run.seconds)),
    )
