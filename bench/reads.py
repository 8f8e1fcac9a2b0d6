"""Reads of 100 messages of a stream over HTTP, against the database asked directly.

On Postgres the direct caller is Message DB's own `get_stream_messages` by asyncpg, its rows made
into the JSON that the server answers with; on SQLite a loop in one process does the same.
"""

from __future__ import annotations

from functools import partial

from bench.bodies import DATA, STREAMS, TYPE, call, token
from bench.fill import Namespace, fill_genuine, fill_loop, fill_postgres, fill_sqlite, sized
from bench.genuine import install_genuine
from bench.run import Run
from bench.servers import database, postgres, served
from bench.sqlite_loop import opened
from bench.workers import Team, call_once, calling

DEPTH = 100

READ = Namespace("reads", messages=STREAMS * DEPTH, categories=("account",))


def calls() -> list[tuple[str, str]]:
    """Return a read of each stream's first 100 messages."""
    return [
        call("stream.get", f"account-{number}", {"batchSize": DEPTH}, token=token(READ.id))
        for number in range(STREAMS)
    ]


def direct(url: str, connections: int, seconds: float) -> Team:
    """Call `get_stream_messages` over so many connections, in one process as a program would."""
    spec = {"what": "read", "url": url, "connections": connections, "seconds": seconds}
    return Team("bench.direct", [spec])


def bench_MDB001_7A_T4_get_stream_messages_postgres(run: Run) -> None:
    """`stream.get` of 100 on Postgres, at one connection and at eight."""
    cluster = postgres(run)
    genuine = install_genuine(cluster, "genuine")
    url = database(cluster, "mdb")
    namespace = sized(run, READ)
    fill_genuine(cluster, "genuine", namespace)
    fill_postgres(cluster, "mdb", [namespace])
    server = run.closing.enter_context(served(f"--db-url={url}"))
    for connections, target in ((8, 1.2), (1, None)):
        run.compare(
            f"reads.postgres_{connections}",
            f"stream.get of 100 over HTTP on Postgres, {connections} connections",
            ("HTTP", calling(server, connections, calls(), seconds=run.seconds)),
            (
                "get_stream_messages by asyncpg",
                direct(genuine, connections, run.seconds),
            ),
            target=target,
        )


def bench_MDB001_7A_T4_get_stream_messages_sqlite_file(run: Run) -> None:
    """`stream.get` of 100 on a SQLite file."""
    directory = run.directory()
    namespace = sized(run, READ)
    fill_sqlite(directory / "data", [namespace])
    server = run.closing.enter_context(served(f"--data-dir={directory}/data"))
    loop = opened(directory / "loop.db")
    run.closing.callback(loop.close)
    fill_loop(loop.db, namespace)
    run.compare(
        "reads.sqlite_8",
        "stream.get of 100 over HTTP on a SQLite file, 8 connections",
        ("HTTP", calling(server, 8, calls(), seconds=run.seconds)),
        ("in process", partial(loop.reads, run.seconds, "account")),
    )


def bench_MDB001_7A_T4_get_stream_messages_sqlite_memory(run: Run) -> None:
    """`stream.get` of 100 in memory: what was written there comes over HTTP, so less of it."""
    server = run.closing.enter_context(served("--db-url=sqlite://:memory:"))
    message = {"type": TYPE, "data": DATA}
    batch = [call("stream.writeBatch", f"account-{n}", [message] * DEPTH) for n in range(20)]
    call_once(server, 1, batch)
    loop = opened(None)
    run.closing.callback(loop.close)
    fill_loop(loop.db, sized(run, READ))
    reads = [call("stream.get", f"account-{n}", {"batchSize": DEPTH}) for n in range(20)]
    run.compare(
        "reads.memory_8",
        "stream.get of 100 over HTTP in memory, 8 connections",
        ("HTTP", calling(server, 8, reads, seconds=run.seconds)),
        ("in process", partial(loop.reads, run.seconds, "account")),
    )
