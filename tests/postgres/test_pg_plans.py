"""What the store's statements read, counted by the server: rows and scans, never times."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mdb.core.ids import new_id
from mdb.core.messages import (
    AllQuery,
    Append,
    CategoryQuery,
    Follow,
    NamespaceRecord,
    StoredMessage,
    StreamQuery,
)
from mdb.stores.postgres import (
    PostgresStore,
    adopted_writes,
    proposals,
    reads,
    staging,
    writes,
)
from mdb.stores.postgres.namespace import PostgresNamespace
from mdb.stores.postgres.proposals import Proposals
from mdb.stores.postgres.schemas import functions_schema
from mdb.stores.postgres.sql import NamespaceQueries
from tests.contract.adopted import adopt_all
from tests.postgres.helpers import digest, one

VISITS = """
    select coalesce(seq_scan, 0) as scans, coalesce(idx_scan, 0) as looks,
      coalesce(idx_tup_fetch, 0) as rows
    from pg_stat_xact_user_tables
    where relid = $1::text::regclass
"""


async def counted(
    store: PostgresStore, record: NamespaceRecord, work: Callable[[Any, Any], Awaitable[Any]]
) -> tuple[int, int, int]:
    """Scans of the whole table, look-ups in its indexes, and rows they fetched, of some work.

    On one of the store's own sessions, with the plans that it keeps.
    """
    table = f'"{record.location}".messages'

    async def run(session: Any) -> tuple[int, int, int]:
        async with session.raw.transaction():
            before = await session.raw.fetchrow(VISITS, table)
            await work(session, NamespaceQueries(record.location, functions_schema(record)))
            after = await session.raw.fetchrow(VISITS, table)
        return tuple(b - a for a, b in zip(before, after, strict=True))

    return await store._pool.run("write", run, schema=record.location, limit=60)


async def commit(
    session: Any, queries: Any, batch: list[Append], known: Proposals | None = None
) -> None:
    if queries.adopted:
        await adopted_writes.commit(
            session, queries, batch, writes.Attempt(), adopted_writes.Deferrals()
        )
    else:
        await writes.commit(session, queries, batch, writes.Attempt(), known or Proposals())


@pytest.fixture(params=["own", "adopted"])
async def record(request: pytest.FixtureRequest, store: PostgresStore) -> NamespaceRecord:
    """A namespace of ours, and a genuine Message DB with that one's indexes."""
    if request.param == "adopted":
        adopt_all(store)
    return await store.create_namespace("tenant", token_digest=digest("tenant"))


@pytest.mark.parametrize(("batch", "proposed"), [(1, False), (10, False), (10, True)])
async def test_the_first_thousand_writes_cost_what_the_next_thousand_cost(
    store: PostgresStore,
    record: NamespaceRecord,
    namespace: PostgresNamespace,
    batch: int,
    proposed: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proposals, "AGE", math.inf)
    known = Proposals() if proposed else None

    async def thousand(session: Any, queries: Any) -> None:
        for n in range(1000 // batch):
            appends = [one(f"account-{(n * batch + k) % 50}") for k in range(batch)]
            await commit(session, queries, appends, known)

    # Positions are looked up in streams that are there, both times.
    await counted(
        store,
        record,
        lambda s, q: commit(s, q, [one(f"account-{k}") for k in range(50)], known),
    )
    first = await counted(store, record, thousand)
    second = await counted(store, record, thousand)
    assert first == second
    assert first[0] == 0
    assert first[2] <= 2 * 1000
    if proposed and not record.adopted:
        assert first[1] == 1000 / batch, "the head, once a batch"


async def test_reads_go_along_an_index_and_stop_at_their_limit(
    store: PostgresStore, record: NamespaceRecord, namespace: PostgresNamespace
) -> None:
    async def fill(session: Any, queries: Any) -> None:
        for _ in range(20):
            batch = [
                one(f"a-{n}", metadata={"correlationStreamName": f"c{n % 7}-1"})
                if n % 2
                else one(f"b-{n}")
                for n in range(500)
            ]
            await commit(session, queries, batch)

    # The plans are made while there is nothing, as in every new namespace.
    queries: list[tuple[Any, int]] = [
        (StreamQuery("a-1", position=3), 10),
        (StreamQuery("a-1", backward=True), 10),
        (StreamQuery("a-1", from_global=5000), 30),
        (CategoryQuery("a", position=4000), 10),
        (CategoryQuery("a", backward=True), 10),
        (CategoryQuery("a", group=(1, 2)), 60),
        (CategoryQuery("a", correlation="c1"), 10),
        (AllQuery(position=4000), 10),
    ]
    for query, _ in queries * 7:
        await counted(store, record, lambda s, q, query=query: reads.read(s, q, query, 10))
    await counted(store, record, fill)
    for query, most in queries:
        scans, _, fetched = await counted(
            store, record, lambda s, q, query=query: reads.read(s, q, query, 10)
        )
        assert scans == 0, query
        assert 10 <= fetched <= most, query
    for follow in (Follow("stream", "a-1"), Follow("category", "a"), Follow("all")):
        scans, _, fetched = await counted(
            store, record, lambda s, q, follow=follow: reads.pokes(s, q, follow, 5000, 10, 10_000)
        )
        assert scans == 0, follow
        assert fetched <= 40, follow


@pytest.mark.parametrize("record", ["own"], indirect=True)  # an adopted one takes no import
async def test_an_import_looks_up_where_each_of_its_streams_stands_and_reads_no_more(
    store: PostgresStore, record: NamespaceRecord, namespace: PostgresNamespace
) -> None:
    def messages(rounds: range) -> list[tuple[int, StoredMessage]]:
        return [
            (n, StoredMessage(new_id(), f"a-{n % 200}", "T", n // 200, n + 1, b"1", None, 0))
            for n in range(rounds.start * 200, rounds.stop * 200)
        ]

    async with namespace.begin_import() as importer:
        await importer.stage(messages(range(5)))
        await importer.move()

    async def judge(session: Any, queries: Any) -> None:
        await staging.prepare(session, queries)
        await staging.stage(session, queries, messages(range(5, 7)))
        assert await session.row(queries["staging_misplaced"]) is None

    scans, looks, rows = await counted(store, record, judge)
    assert (scans, looks) == (0, 200)
    assert rows <= 2 * 200
