"""Writing and reading in one namespace on Postgres."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import trio

from mdb.core.errors import BackendError
from mdb.core.ids import new_id
from mdb.core.messages import (
    AllQuery,
    Append,
    CategoryQuery,
    Follow,
    IdConflict,
    NamespaceRecord,
    Poke,
    StreamQuery,
    VersionConflict,
    Written,
)
from mdb.stores.base import PAGE_BYTES
from mdb.stores.postgres import PostgresStore
from mdb.stores.postgres.namespace import PostgresNamespace
from tests.postgres.helpers import digest, message, one, rows, until, write


async def test_MDB001_3A_T1_writes_to_the_namespaces_schema(
    store: PostgresStore,
    record: NamespaceRecord,
    namespace: PostgresNamespace,
    database_url: str,
    connect: Callable[..., Any],
) -> None:
    neighbour = await store.create_namespace("neighbour", token_digest=digest("n"))
    await write(namespace, one("account-1", data={"amount": 1}))
    other = await connect(database_url)
    count = "select count(*) from \"{}\".messages where stream_name = 'account-1'"
    assert await other.fetchval(count.format(record.location)) == 1
    assert await other.fetchval(count.format(neighbour.location)) == 0
    assert await store.namespace(neighbour).version("account-1") is None


async def test_MDB001_3A_T2_assigns_position_and_global_position(
    namespace: PostgresNamespace,
) -> None:
    assert await write(namespace, one("a-1")) == [(0, 1)]
    assert await write(namespace, one("a-2"), one("a-1"), one("b")) == [(0, 2), (1, 3), (0, 4)]


async def test_a_write_says_after_which_message_it_came(namespace: PostgresNamespace) -> None:
    first = await namespace.commit([one("a-1")])
    batch = await namespace.commit([one("a-1"), one("a-1", expect=7), one("a-2"), one("a-1")])
    afters = [o.after for o in (*first, *batch) if isinstance(o, Written)]
    assert afters == [0, 1, 2, 3]


async def test_MDB001_3A_T3_expected_version_that_is_right(namespace: PostgresNamespace) -> None:
    assert await write(namespace, one("a-1", expect=-1)) == [(0, 1)]
    assert await write(namespace, one("a-1", expect=0), one("a-1", expect=1)) == [(1, 2), (2, 3)]


async def test_MDB001_3A_T4_expected_version_that_is_wrong(namespace: PostgresNamespace) -> None:
    await write(namespace, one("a-1"))
    assert await namespace.commit([one("a-1", expect=5)]) == [VersionConflict("a-1", 5, 0)]
    alone, other, guarded = await namespace.commit(
        [
            one("a-1", expect=-1),
            one("a-2", expect=-1),
            Append((message("a-3"), message("a-4")), (("a-9", -1), ("a-1", 3))),
        ]
    )
    assert alone == VersionConflict("a-1", -1, 0)
    assert isinstance(other, Written)
    assert guarded == VersionConflict("a-1", 3, 0)
    assert await namespace.version("a-3") is None


async def test_MDB001_3A_T5_positions_count_up(namespace: PostgresNamespace) -> None:
    positions = [(await write(namespace, one("a-1")))[0][0] for _ in range(5)]
    assert positions == [0, 1, 2, 3, 4]


async def test_an_id_is_an_idempotency_key(namespace: PostgresNamespace) -> None:
    ids = [new_id() for _ in range(3)]
    first = [one("a-1", id=i, data={"n": n}, own_id=True) for n, i in enumerate(ids)]
    await write(namespace, first[0])
    (again,) = await namespace.commit([one("a-1", expect=9, id=ids[0], data={"n": 0}, own_id=True)])
    assert again == Written(((0, 1),), repeated=True)
    (other,) = await namespace.commit([one("a-1", id=ids[0], data={"n": 5}, own_id=True)])
    assert other == IdConflict(ids[0])
    same, partly = await namespace.commit(
        [first[0], Append((first[0].messages[0], first[1].messages[0]))]
    )
    assert same == Written(((0, 1),), repeated=True)
    assert partly == IdConflict(ids[0])
    assert await namespace.message_count() == 1


async def test_MDB001_3A_T6_reads_a_stream(namespace: PostgresNamespace) -> None:
    sent = message("a-1", "Opened", {"n": 1.50}, metadata={"by": "me"})
    await write(namespace, Append((sent,)), one("a-2"))
    page = await namespace.read(StreamQuery("a-1"), 10)
    assert (page.count, page.last, page.more) == (1, 0, False)
    ((uuid, kind, position, at, data, metadata, time),) = rows(page)
    assert uuid.replace("-", "") == sent.id.hex()
    assert (kind, position, at, data, metadata) == ("Opened", 0, 1, {"n": 1.5}, {"by": "me"})
    assert len(time) == len("2026-01-15T10:30:00.123Z")


async def test_json_comes_back_as_it_was(namespace: PostgresNamespace) -> None:
    data = (
        b'{"big": 123456789012345678901234567890, "long": 1.10000000000000000000000001,'
        b' "\xc3\xa9\\n": null}'
    )
    await namespace.commit([Append((message("a-1"),)), Append((message_of(data),))])
    page = await namespace.read(StreamQuery("a-2"), 10)
    assert b"123456789012345678901234567890" in page.rows
    assert b"1.10000000000000000000000001" in page.rows
    assert json.loads(b"[" + page.rows + b"]")[0][4]["\u00e9\n"] is None


def message_of(data: bytes) -> Any:
    empty = message("a-2")
    return type(empty)(id=empty.id, stream="a-2", type="T", data=data)


async def test_MDB001_3A_T7_reads_from_a_position_so_many(namespace: PostgresNamespace) -> None:
    await write(namespace, *[one("a-1", type=f"T{n % 2}") for n in range(10)])
    page = await namespace.read(StreamQuery("a-1", position=3), 4)
    assert [r[2] for r in rows(page)] == [3, 4, 5, 6]
    assert (page.last, page.more) == (6, True)
    back = await namespace.read(StreamQuery("a-1", position=3, backward=True), 10)
    assert [r[2] for r in rows(back)] == [3, 2, 1, 0]
    typed = await namespace.read(StreamQuery("a-1", type="T1", upto=6), 10)
    assert [r[2] for r in rows(typed)] == [1, 3, 5]
    later = await namespace.read(StreamQuery("a-1", from_global=9), 10)
    assert [r[2] for r in rows(later)] == [8, 9]
    assert (await namespace.read(StreamQuery("a-1", position=2**70), 10)).count == 0


async def test_a_page_is_bounded_in_bytes(namespace: PostgresNamespace) -> None:
    text = "x" * (PAGE_BYTES // 3)
    await write(namespace, *[one("a-1", data=text) for _ in range(5)])
    page = await namespace.read(StreamQuery("a-1"), 10)
    assert (page.count, page.more) == (3, True)
    rest = await namespace.read(StreamQuery("a-1", position=page.last + 1), 10)
    assert (rest.count, rest.more) == (2, False)


async def test_MDB001_3A_T8_reads_a_category_over_its_streams(namespace: PostgresNamespace) -> None:
    await write(namespace, one("a-1"), one("b-1"), one("a-2"), one("a"), one("a-1"))
    page = await namespace.read(CategoryQuery("a"), 10)
    assert [(r[1], r[3], r[4]) for r in rows(page)] == [
        ("a-1", 0, 1),
        ("a-2", 0, 3),
        ("a", 0, 4),
        ("a-1", 1, 5),
    ]
    everything = await namespace.read(AllQuery(backward=True), 2)
    assert [r[4] for r in rows(everything)] == [5, 4]


async def test_MDB001_3A_T9_reads_a_consumer_groups_part(namespace: PostgresNamespace) -> None:
    await write(namespace, *[one(f"a-{n}") for n in range(20)], one("a"))
    parts = [
        {r[1] for r in rows(await namespace.read(CategoryQuery("a", group=(member, 3)), 100))}
        for member in range(3)
    ]
    assert all(parts)
    assert set.union(*parts) == {f"a-{n}" for n in range(20)}


async def test_MDB001_3A_T10_a_stream_belongs_to_one_member(namespace: PostgresNamespace) -> None:
    await write(namespace, *[one(f"a-{n}+{k}") for n in range(10) for k in range(3)])
    owners: dict[str, set[int]] = {}
    for member in range(4):
        for row in rows(await namespace.read(CategoryQuery("a", group=(member, 4)), 100)):
            owners.setdefault(row[1].split("+")[0], set()).add(member)
    assert len(owners) == 10
    assert all(len(members) == 1 for members in owners.values())


async def test_reads_a_correlation(namespace: PostgresNamespace) -> None:
    from_order = {"correlationStreamName": "order-7"}
    await write(namespace, one("a-1", metadata=from_order), one("a-2"), one("a-3", metadata={}))
    page = await namespace.read(CategoryQuery("a", correlation="order"), 10)
    assert [r[1] for r in rows(page)] == ["a-1"]


async def test_MDB001_3A_T11_last_message_of_a_stream(namespace: PostgresNamespace) -> None:
    assert await namespace.last("a-1", None) is None
    await write(namespace, one("a-1", data=1), one("a-1", data=2), one("a-2", data=3))
    row = await namespace.last("a-1", None)
    assert row is not None
    assert json.loads(row)[4] == 2


async def test_MDB001_3A_T12_last_message_of_a_type(namespace: PostgresNamespace) -> None:
    await write(namespace, one("a-1", type="A", data=1), one("a-1", type="B", data=2))
    row = await namespace.last("a-1", "A")
    assert row is not None
    assert json.loads(row)[4] == 1
    assert await namespace.last("a-1", "C") is None


async def test_MDB001_3A_T13_version_of_a_stream(namespace: PostgresNamespace) -> None:
    assert await namespace.version("a-1") is None
    await write(namespace, one("a-1"), one("a-1"))
    assert await namespace.version("a-1") == 1


async def test_notices_above_a_position(namespace: PostgresNamespace) -> None:
    await write(namespace, one("a-1"), one("b-1"), one("a-2"), one("a-1"))
    everything = await namespace.pokes(Follow("all"), 1, 2)
    assert everything.pokes == (Poke("b-1", 0, 2), Poke("a-2", 0, 3))
    assert (everything.upto, everything.more) == (3, True)
    category = await namespace.pokes(Follow("category", "a"), 0, 10)
    assert [p.global_position for p in category.pokes] == [1, 3, 4]
    assert (category.upto, category.more) == (4, False)
    stream = await namespace.pokes(Follow("stream", "a-1", min_position=1), 0, 10)
    assert stream.pokes == (Poke("a-1", 1, 4),)
    beyond = await namespace.pokes(Follow("all"), 99, 10)
    assert (beyond.pokes, beyond.upto, beyond.more) == ((), 99, False)


async def test_a_read_of_notices_goes_so_far_and_no_further(
    namespace: PostgresNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdb.stores.postgres.reads.POKES_WINDOW", 3)
    await write(namespace, one("b-1"), one("b-1"), one("b-1"), one("b-1"), one("a-1"))
    first = await namespace.pokes(Follow("category", "a"), 0, 10)
    assert (first.pokes, first.upto, first.more) == ((), 3, True)
    second = await namespace.pokes(Follow("category", "a"), first.upto, 10)
    assert (len(second.pokes), second.upto, second.more) == (1, 5, False)


async def test_counts_and_lists(namespace: PostgresNamespace) -> None:
    empty = await namespace.stats()
    assert (empty.message_count, empty.stream_count, empty.head, empty.last_activity) == (
        0,
        0,
        0,
        None,
    )
    await write(namespace, one("a-1"), one("a-1"), one("B-1"), one("\u00e9-1"))
    stats = await namespace.stats()
    assert (stats.message_count, stats.stream_count, stats.head) == (4, 3, 4)
    assert stats.last_activity is not None
    assert stats.last_activity > 1_700_000_000_000_000
    assert [(s.stream, s.version) for s in await namespace.streams("", "", 10)] == [
        ("B-1", 0),
        ("a-1", 1),
        ("\u00e9-1", 0),
    ]
    assert [s.stream for s in await namespace.streams("a", "", 10)] == ["a-1"]
    assert [s.stream for s in await namespace.streams("", "B-1", 1)] == ["a-1"]
    assert [
        (c.category, c.stream_count, c.message_count) for c in await namespace.categories()
    ] == [
        ("B", 1, 1),
        ("a", 1, 2),
        ("\u00e9", 1, 1),
    ]


async def test_data_that_the_database_refuses_leaves_nothing(namespace: PostgresNamespace) -> None:
    bad = message_of(b'{"nul": "\\u0000"}')
    with pytest.raises(BackendError):
        await namespace.commit([one("a-1"), Append((bad,))])
    assert await namespace.head() == 0
    # The connection is still good, and so is what follows.
    assert len(await write(namespace, one("a-1"))) == 1


async def test_an_insert_past_the_lock_does_not_fail_a_write(
    namespace: PostgresNamespace,
    record: NamespaceRecord,
    database_url: str,
    connect: Callable[..., Any],
) -> None:
    """A position that somebody takes between our look and our insert is seen at the second look."""
    await write(namespace, one("a-1"))
    other = await connect(database_url)
    watcher = await connect(database_url)
    insert = (
        f'insert into "{record.location}".messages (stream_name, type, position, data)'
        " values ('a-1', 'T', 1, '{}')"
    )
    await other.execute("begin")
    await other.execute(insert)
    async with trio.open_nursery() as nursery:
        found: list[tuple[int, int]] = []

        async def late() -> None:
            found.extend(await write(namespace, one("a-1")))

        nursery.start_soon(late)
        waits = "select count(*) from pg_locks where locktype = 'transactionid' and not granted"
        await until(watcher, waits)
        await other.execute("commit")
    assert [position for position, _ in found] == [2]
