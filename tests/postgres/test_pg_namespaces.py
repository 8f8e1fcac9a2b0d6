"""The registry in Postgres: a schema each, and rows that say whose it is."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
import trio

import mdb
from mdb.core.errors import AuthUnauthorized, NamespaceExists, NamespaceNotFound
from mdb.core.messages import NamespaceRecord, StreamQuery
from mdb.stores.base import OpenError
from mdb.stores.migrations import available
from mdb.stores.postgres import PostgresStore, open_store
from mdb.stores.postgres.namespace import PostgresNamespace
from tests.fixtures.proxy import Moment, breaking_proxy
from tests.postgres.helpers import digest, one, until, write

SCHEMAS = "select nspname from pg_namespace where nspname like 'ns!_%' escape '!' order by 1"
SESSIONS = (
    "select count(*) from pg_stat_activity"
    " where datname = current_database() and application_name = 'mdb'"
)


async def test_MDB001_2A_T1_creates_and_connects(
    database_url: str, connect: Callable[..., Any]
) -> None:
    async with open_store(database_url) as store:
        assert store.backend == "postgres"
        assert await store.ping() == 1
        other = await connect(database_url)
        assert await other.fetchval(SESSIONS) == 1
        assert (
            await other.fetchval("select to_regclass('mdb.namespaces')::text") == "mdb.namespaces"
        )
        assert await store.list_namespaces(10, 0) == []


async def test_MDB001_2A_T2_close_leaves_no_connection(
    database_url: str, connect: Callable[..., Any]
) -> None:
    other = await connect(database_url)
    async with open_store(database_url) as store, trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(store.find_namespace, "x")
    await until(other, SESSIONS, holds=operator.not_)


async def test_MDB001_2A_T3_create_namespace_creates_its_schema(
    store: PostgresStore, record: NamespaceRecord, database_url: str, connect: Callable[..., Any]
) -> None:
    other = await connect(database_url)
    assert [r[0] for r in await other.fetch(SCHEMAS)] == [record.location]
    default = await store.create_namespace("default", token_digest=digest("default"))
    assert default.location == "message_store"


async def test_MDB001_2A_T4_create_namespace_applies_migrations(
    record: NamespaceRecord, database_url: str, connect: Callable[..., Any]
) -> None:
    other = await connect(database_url)
    applied = await other.fetch(
        "select version, name, checksum from mdb.schema_migrations where schema_name = $1"
        " order by version",
        record.location,
    )
    shipped = available("postgres", "namespace")
    assert [tuple(r) for r in applied] == [(m.version, m.name, m.checksum) for m in shipped]
    # A Message DB client works in it.
    await other.execute(f'set search_path to "{record.location}"')
    position = "select write_message(gen_random_uuid()::varchar, 'account-1', 'Opened', '{}')"
    assert await other.fetchval(position) == 0


async def test_MDB001_2A_T5_create_namespace_inserts_into_the_registry(
    store: PostgresStore, database_url: str, connect: Callable[..., Any]
) -> None:
    made = await store.create_namespace(
        "tenant", token_digest=digest("t"), description="A tenant", metadata=b'{"plan": "free"}'
    )
    other = await connect(database_url)
    row = await other.fetchrow(
        "select id, incarnation, schema_name, description from mdb.namespaces"
    )
    assert (row["id"], str(row["incarnation"]), row["schema_name"], row["description"]) == (
        "tenant",
        made.incarnation,
        made.location,
        "A tenant",
    )
    assert await store.find_token(digest("t")) == (digest("t"), made)
    with pytest.raises(NamespaceExists):
        await store.create_namespace("tenant", token_digest=digest("other"))
    assert await store.find_token(digest("other")) is None


async def test_a_namespace_that_cannot_be_made_leaves_nothing(
    store: PostgresStore, database_url: str, connect: Callable[..., Any]
) -> None:
    other = await connect(database_url)
    await other.execute("create schema message_store; create table message_store.messages (id int)")
    with pytest.raises(OpenError, match="messages that mdb did not make"):
        await store.create_namespace("default", token_digest=digest("default"))
    assert await store.find_namespace("default") is None
    assert await store.find_token(digest("default")) is None
    assert await other.fetchval("select count(*) from message_store.messages") == 0


async def test_MDB001_2A_T6_delete_namespace_drops_its_schema(
    store: PostgresStore,
    record: NamespaceRecord,
    namespace: PostgresNamespace,
    database_url: str,
    connect: Callable[..., Any],
) -> None:
    await write(namespace, one("account-1"), one("account-2"))
    deleted_at, count = await store.delete_namespace(record)
    assert count == 2
    assert deleted_at >= record.created_at
    other = await connect(database_url)
    assert await other.fetch(SCHEMAS) == []


async def test_MDB001_2A_T7_delete_namespace_removes_it_from_the_registry(
    store: PostgresStore, record: NamespaceRecord, database_url: str, connect: Callable[..., Any]
) -> None:
    await store.delete_namespace(record)
    assert await store.find_namespace("tenant") is None
    assert await store.find_token(digest("tenant")) is None
    with pytest.raises(NamespaceNotFound):
        await store.set_token(record, digest("new"))
    with pytest.raises(NamespaceNotFound):
        await store.delete_namespace(record)
    other = await connect(database_url)
    assert await other.fetchval("select count(*) from mdb.namespaces") == 0
    assert await other.fetchval("select count(*) from mdb.tokens") == 0
    leftovers = "select count(*) from mdb.schema_migrations where schema_name = $1"
    assert await other.fetchval(leftovers, record.location) == 0


async def test_MDB001_2A_T8_find_namespace_returns_what_was_created(store: PostgresStore) -> None:
    made = await store.create_namespace(
        "Tenant.1", token_digest=digest("t"), description="Ä", metadata=b'{"a":1}'
    )
    found = await store.find_namespace("Tenant.1")
    assert found is not None
    assert found == made
    assert (found.id, found.description, found.metadata) == ("Tenant.1", "Ä", b'{"a": 1}')
    assert await store.find_namespace("tenant.1") is None


async def test_MDB001_2A_T9_list_namespaces_returns_all_in_order(store: PostgresStore) -> None:
    for name in ("b", "a-1", "B", "a"):
        await store.create_namespace(name, token_digest=digest(name))
    assert [n.id for n in await store.list_namespaces(10, 0)] == ["B", "a", "a-1", "b"]
    assert [n.id for n in await store.list_namespaces(2, 1)] == ["a", "a-1"]


async def test_a_namespace_created_anew_has_nothing_of_the_old(
    store: PostgresStore, record: NamespaceRecord, namespace: PostgresNamespace
) -> None:
    await write(namespace, one("account-1"))
    await store.delete_namespace(record)
    again = await store.create_namespace("tenant", token_digest=digest("again"))
    assert again.incarnation != record.incarnation
    assert again.location != record.location
    assert await store.namespace(again).message_count() == 0


async def test_a_server_that_has_not_heard_of_a_deletion_reaches_nothing(
    store: PostgresStore, record: NamespaceRecord, namespace: PostgresNamespace, database_url: str
) -> None:
    await write(namespace, one("account-1"))
    await namespace.read(StreamQuery("account-1"), 10)
    async with open_store(database_url) as elsewhere:
        stale = elsewhere.namespace(record)  # known by its token, but not used yet
        await store.delete_namespace(record)
        again = await store.create_namespace("tenant", token_digest=digest("again"))
        for reached in (namespace, stale):
            with pytest.raises(AuthUnauthorized):
                await reached.commit([one("account-1")])
            with pytest.raises(AuthUnauthorized):
                await reached.commit([one("account-1"), one("account-2")])
            with pytest.raises(AuthUnauthorized):
                await reached.read(StreamQuery("account-1"), 10)
    assert await store.namespace(again).message_count() == 0


async def test_a_deletion_that_was_interrupted_is_finished_at_the_next_start(
    record: NamespaceRecord, database_url: str, connect: Callable[..., Any]
) -> None:
    other = await connect(database_url)
    await other.execute("update mdb.namespaces set deleted_at = now()")
    async with open_store(database_url) as store:
        assert await store.find_namespace("tenant") is None
        assert await other.fetch(SCHEMAS) == []
        assert await other.fetchval("select count(*) from mdb.namespaces") == 0


async def test_a_batch_that_is_being_written_ends_before_its_namespace_is_dropped(
    store: PostgresStore, record: NamespaceRecord, database_url: str, connect: Callable[..., Any]
) -> None:
    other = await connect(database_url)
    await other.execute("begin")
    await other.execute(f'select "{record.location}".lock_namespace()')
    waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    watcher = await connect(database_url)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.delete_namespace, record)
        await until(watcher, waits)
        assert [r[0] for r in await watcher.fetch(SCHEMAS)] == [record.location]
        await other.execute("commit")
    assert await watcher.fetch(SCHEMAS) == []


async def test_two_servers_that_start_together_migrate_once(database_url: str) -> None:
    async def start() -> None:
        async with open_store(database_url) as store:
            assert await store.find_namespace("x") is None

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(start)


async def test_a_newer_schema_is_refused(
    store: PostgresStore, record: NamespaceRecord, database_url: str, connect: Callable[..., Any]
) -> None:
    other = await connect(database_url)
    newer = "insert into mdb.schema_migrations values ($1, 999, 'later', 'x')"
    await other.execute(newer, record.location)
    with pytest.raises(OpenError, match=r"namespace tenant.*run a newer mdb"):
        await store.migrate_namespaces()
    await other.execute(newer, "mdb")
    with pytest.raises(OpenError, match="run a newer mdb"):
        async with open_store(database_url):
            pass


async def test_a_namespace_that_is_behind_is_brought_up_to_date(
    store: PostgresStore, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdb.stores.postgres.migrate.available", lambda b, s: available(b, s)[:2])
    records = [await store.create_namespace(name, token_digest=digest(name)) for name in "ab"]
    monkeypatch.undo()
    async with open_store(database_url) as newer:
        # By its first use, or all at once.
        assert await newer.namespace(records[0]).last("account-1", None) is None
        assert await newer.migrate_namespaces() == 1
    async with open_store(database_url) as newer:
        assert await newer.migrate_namespaces() == 0
        assert await newer.namespace(records[1]).last("account-1", None) is None


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_token_whose_replacement_lost_its_answer_is_told_where_it_is_in_force(
    database_url: str, moment: Moment
) -> None:
    async with breaking_proxy(database_url) as proxy, mdb.open(proxy.url) as database:
        _, old = await database.create_namespace(mdb.NewNamespace("tenant"))
        proxy.break_at(b"COMMIT;", moment)
        if moment == "before":
            with pytest.raises(mdb.BackendUnavailable):
                await database.rotate_token("tenant")
            assert (await database.authenticate(old)).id == "tenant"
        else:
            new = await database.rotate_token("tenant")
            assert (await database.authenticate(new)).id == "tenant"


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_deletion_that_lost_its_answer_is_no_failure_where_it_was_done(
    database_url: str, moment: Moment
) -> None:
    async with breaking_proxy(database_url) as proxy, mdb.open(proxy.url) as database:
        namespace, _ = await database.create_namespace(mdb.NewNamespace("tenant"))
        await namespace.write("a-1", "T", 1)
        proxy.break_at(b"COMMIT;", moment)
        if moment == "before":
            with pytest.raises(mdb.BackendUnavailable):
                await database.delete_namespace("tenant")
            assert len(await (await database.namespace("tenant")).get("a-1")) == 1
        else:
            _deleted_at, count = await database.delete_namespace("tenant")
            assert count == 1
            with pytest.raises(mdb.NamespaceNotFound):
                await database.namespace("tenant")
