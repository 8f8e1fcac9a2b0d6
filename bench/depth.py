"""Long histories: does a category read, or a write, cost the same at 1,000,000 messages?

The same calls in a namespace of 1,000,000 messages and in a short one of the same server, in turns.
All histories go round the same 1,000 streams of four categories, so a page of the one skips as
many messages as a page of the other.
"""

from __future__ import annotations

import random

from bench.bodies import DATA, STREAMS, TYPE, call, token
from bench.fill import CATEGORIES, Namespace, fill_postgres, fill_sqlite, sized
from bench.run import Run
from bench.servers import database, postgres, served
from bench.workers import Served, Team, call_once, calling

LONG = Namespace("long", messages=1_000_000)
MIDDLE = Namespace("middle", messages=10_000)
SHORT = Namespace("short", messages=1_000)

# Members of the consumer group, and so one message in so many is the reader's.
MEMBERS = 4
PAGE = 100

# How many different reads are prepared.
READS = 500

# Of a slice: the short history must stay short while it is written to.
WRITES = 25


def pages(namespace: Namespace) -> list[tuple[str, str]]:
    """Return reads that begin anywhere, but not so near the end that the page is not full."""
    numbers = random.Random(1)
    last = max(namespace.messages - PAGE * MEMBERS * len(CATEGORIES) * 5 // 4, 1)
    return [
        call(
            "category.get",
            CATEGORIES[number % len(CATEGORIES)],
            {
                "position": numbers.randrange(last),
                "batchSize": PAGE,
                "consumerGroup": {"member": number % MEMBERS, "size": MEMBERS},
            },
            token=token(namespace.id),
        )
        for number in range(READS)
    ]


def writing(run: Run, server: Served, namespace: Namespace) -> Team:
    """Write to streams that all histories have."""
    message = {"type": TYPE, "data": DATA}
    calls = [
        call("stream.write", namespace.stream(number), message, token=token(namespace.id))
        for number in range(STREAMS)
    ]
    return calling(server, 1, calls, seconds=run.seconds, requests=WRITES)


def compare(run: Run, server: Served, key: str, where: str, long: Namespace) -> None:
    """Compare long and short histories on one backend."""
    run.compare(
        f"depth.category_{key}",
        f"category.get of {PAGE} with a consumer group, {where}, 1,000,000 messages (median)",
        (f"of {long.messages:,}", calling(server, 1, pages(long), seconds=run.seconds)),
        (f"of {MIDDLE.messages:,}", calling(server, 1, pages(MIDDLE), seconds=run.seconds)),
        measure="median",
        target=1.3,
    )
    run.compare(
        f"depth.write_{key}",
        f"A write at 1,000,000 messages, {where}, 1 connection (median)",
        (f"at {long.messages:,}", writing(run, server, long)),
        (f"at {SHORT.messages:,}", writing(run, server, SHORT)),
        measure="median",
        target=1.2,
        rounds=run.rounds + 2,  # they are short
    )


def bench_MDB001_7A_T5_get_category_messages_postgres(run: Run) -> None:
    """On Postgres."""
    cluster = postgres(run)
    url = database(cluster, "mdb")
    long = sized(run, LONG)
    fill_postgres(cluster, "mdb", [long, MIDDLE, SHORT])
    server = run.closing.enter_context(served(f"--db-url={url}"))
    compare(run, server, "postgres", "Postgres", long)


def bench_MDB001_7A_T5_get_category_messages_sqlite_file(run: Run) -> None:
    """On SQLite files."""
    data = run.directory() / "data"
    long = sized(run, LONG)
    fill_sqlite(data, [long, MIDDLE, SHORT])
    server = run.closing.enter_context(served(f"--data-dir={data}"))
    compare(run, server, "sqlite", "SQLite file", long)


def bench_MDB001_7A_T5_get_category_messages_sqlite_memory(run: Run) -> None:
    """In memory, where histories are as long as what was written: 20,000 messages against 2,000."""
    server = run.closing.enter_context(served("--db-url=sqlite://:memory:"))
    short = Namespace("short", messages=2_000)
    long = sized(run, Namespace("long", messages=20_000))
    message = {"type": TYPE, "data": DATA}
    for namespace in (short, long):
        create = call("ns.create", namespace.id, {"token": token(namespace.id)})
        call_once(server, 1, [create])
        entries = [[namespace.stream(g % STREAMS), message] for g in range(namespace.messages)]
        batches = [
            call("ns.transact", entries[at : at + 1000], token=token(namespace.id))
            for at in range(0, len(entries), 1000)
        ]
        call_once(server, 1, batches)
    run.compare(
        "depth.category_memory",
        f"category.get of {PAGE} in memory, ten times the messages (median)",
        ("of 20,000", calling(server, 1, pages(long), seconds=run.seconds)),
        ("of 2,000", calling(server, 1, pages(short), seconds=run.seconds)),
        measure="median",
    )
