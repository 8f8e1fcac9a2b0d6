"""A role that may use a namespace's schema as a Message DB, and what it may not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg
import pytest
import trio

import mdb
from mdb.database import NewNamespace
from mdb.stores.base import OpenError
from mdb.stores.postgres import administration
from tests.fixtures.genuine import SCHEMA
from tests.postgres.helpers import digest

WRITE = "select write_message(gen_random_uuid()::text, 'a-1', 'T', '1', null, $1)"


@pytest.fixture
async def role(database_url: str, connect: Callable[..., Any]) -> AsyncIterator[str]:
    """A role of the server that may do nothing yet. Roles outlive databases: it is dropped."""
    admin = await connect(database_url)
    name = f"app {await admin.fetchval('select gen_random_uuid()')}"
    await admin.execute(f"create role \"{name}\" login password 'secret'")
    yield name
    await admin.execute(f'drop owned by "{name}"; drop role "{name}"')


@pytest.fixture
async def schema(database_url: str, role: str) -> str:
    """The schema of a namespace ``app`` that the role was granted, beside another one."""
    async with mdb.open(database_url) as database:
        for name in ("app", "other"):
            namespace, _ = await database.create_namespace(NewNamespace(name))
            await namespace.write("a-1", "T", 1)
        location = (await database.namespace("app")).record.location
    await trio.to_thread.run_sync(administration.grant, database_url, "app", role)
    return location


async def as_role(connect: Callable[..., Any], url: str, role: str, schema: str) -> Any:
    session = await connect(url, server_settings={"search_path": schema})
    await session.execute(f'set session authorization "{role}"')
    return session


async def test_it_uses_the_namespace_as_a_message_db(
    database_url: str, connect: Callable[..., Any], role: str, schema: str
) -> None:
    app = await as_role(connect, database_url, role, schema)
    assert await app.fetchval(WRITE, 0) == 1
    assert await app.fetchval("select stream_version('a-1')") == 1
    assert await app.fetchval("select acquire_lock('a-1')") == await app.fetchval(
        "select hash_64(category('a-1'))"
    )
    for read in (
        "get_stream_messages('a-1')",
        "get_category_messages('a', 1, 10, null, 0, 1)",
        "messages",
        "stream_summary",
    ):
        assert await app.fetch(f"select * from {read}"), read
    assert await app.fetchval("select position from get_last_stream_message('a-1')") == 1
    with pytest.raises(asyncpg.RaiseError, match="Wrong expected version: 7"):
        await app.fetchval(WRITE, 7)


async def test_it_may_do_nothing_else(
    database_url: str, connect: Callable[..., Any], role: str, schema: str
) -> None:
    admin = await connect(database_url)
    other = await admin.fetchval("select schema_name from mdb.namespaces where id = 'other'")
    app = await as_role(connect, database_url, role, schema)
    for attempt in (
        "update messages set data = '2'",
        "delete from messages",
        "truncate messages",
        "do $$ begin lock table messages in access exclusive mode; end $$",
        "alter table messages disable trigger all",
        "drop table messages",
        "drop function write_message",
        "select setval('messages_global_position_seq', 1)",
        "create table mine (n int)",
        "create function mine() returns int language sql as 'select 1'",
        "select lock_namespace(), head()",
        "select * from write_one(gen_random_uuid(), false, 'a-1', 'T', '1', null, null)",
        "select * from mdb.tokens",
        "select * from mdb.namespaces",
        f"select * from {other}.messages",
        f"select {other}.write_message('{'0' * 32}', 'a-1', 'T', '1')",
        "create schema mine",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(attempt)


async def test_what_was_granted_is_taken_back(
    database_url: str, connect: Callable[..., Any], role: str, schema: str
) -> None:
    await trio.to_thread.run_sync(
        lambda: administration.grant(database_url, "app", role, revoke=True)
    )
    app = await as_role(connect, database_url, role, schema)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute(f"select * from {schema}.messages")
    admin = await connect(database_url)
    assert not await admin.fetchval(
        "select exists (select from pg_shdepend where refobjid = $1::regrole)", f'"{role}"'
    )


async def test_the_server_goes_on_after_a_grant(
    database_url: str, connect: Callable[..., Any], role: str, schema: str
) -> None:
    app = await as_role(connect, database_url, role, schema)
    async with mdb.open(database_url) as database:
        namespace = await database.namespace("app")
        await app.fetchval(WRITE, 0)
        assert (await namespace.write("a-1", "T", 1)).position == 2
        assert await namespace.store.settled_head() == 3


async def test_nothing_is_granted_in_an_adopted_schema(genuine_url: str) -> None:
    await trio.to_thread.run_sync(administration.adopt, genuine_url, "old", SCHEMA, digest("old"))
    with pytest.raises(OpenError, match="grant message_store to"):
        await trio.to_thread.run_sync(administration.grant, genuine_url, "old", "postgres")


async def test_a_server_needs_no_more_than_message_dbs_own_role_and_a_schema_of_its_own(
    genuine_url: str, genuine_client: Callable[..., Any], role: str
) -> None:
    admin = await genuine_client()
    before = "select proacl::text from pg_proc union all select relacl::text from pg_class"
    await admin.execute(
        f'grant message_store to "{role}";'
        f"do $$ begin execute format('grant create on database %I to \"{role}\"',"
        " current_database()); end $$"
    )
    rights = await admin.fetch(before)
    parts = urlsplit(genuine_url)
    host = parts.netloc.rpartition("@")[2]
    url = parts._replace(netloc=f"{quote(role)}:secret@{host}").geturl()
    async with mdb.open(url, adopt=True) as database:
        namespace = await database.namespace()
        await admin.fetchval(WRITE, None)
        async with namespace.subscribe(all=True) as pokes:
            assert (await namespace.write("a-1", "T", 1)).position == 1
            assert [(await anext(pokes)).position for _ in range(2)] == [0, 1]
        assert await namespace.write_batch("a-2", [mdb.Message("T", n) for n in range(3)])
        assert len(await namespace.store.streams("", "", 10)) == 2
    await trio.to_thread.run_sync(administration.release, url, "default")
    assert await admin.fetch(before) == rights
    await admin.execute(f'drop owned by "{role}"')
