"""Adopting a genuine Message DB: what is served, what is refused, that nothing is left of it."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

import mdb
from mdb.core.errors import InvalidRequest, NamespaceNotFound
from mdb.core.messages import AllQuery, CategoryQuery, StreamQuery
from mdb.stores.base import NotAdopted, OpenError
from mdb.stores.postgres import administration
from tests.fixtures.genuine import SCHEMA
from tests.fixtures.postgres_server import binaries
from tests.fixtures.proxy import breaking_proxy
from tests.postgres.helpers import digest, rows

WRITE = "select write_message(gen_random_uuid()::varchar, $1, $2, $3::text::jsonb)"
OBJECTS = "select count(*) from pg_namespace where nspname like 'mdb%'"


def dumped(url: str) -> str:
    """The whole database's schema, as pg_dump tells it."""
    done = subprocess.run(
        [binaries() / "pg_dump", "--schema-only", f"--dbname={url}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    # Newer versions put a random word around it.
    return "".join(line for line in done.stdout.splitlines(True) if "restrict " not in line)


@asynccontextmanager
async def adopted(url: str) -> AsyncIterator[mdb.Namespace]:
    """The default namespace of a database whose Message DB is adopted as that."""
    async with mdb.open(url, adopt=True) as database:
        yield await database.namespace()


@pytest.mark.parametrize("options", ["", "?pooler=transaction"])
async def test_both_sides_see_what_the_other_writes(
    genuine_url: str, genuine_client: Callable[..., Any], options: str
) -> None:
    client = await genuine_client()
    await client.fetchval(WRITE, "account-1", "Opened", '{"n": 1}')
    async with adopted(genuine_url + options) as namespace:
        assert (await namespace.write("account-1", "Deposited", {"n": 2})).position == 1
        await client.fetchval(WRITE, "account-1", "Closed", '{"n": 3}')
        found = rows(await namespace.store.read(StreamQuery("account-1"), 10))
        assert [(r[1], r[2], r[3], r[4]) for r in found] == [
            ("Opened", 0, 1, {"n": 1}),
            ("Deposited", 1, 2, {"n": 2}),
            ("Closed", 2, 3, {"n": 3}),
        ]
        by_category = rows(await namespace.store.read(CategoryQuery("account"), 10))
        everything = rows(await namespace.store.read(AllQuery(), 10))
        assert by_category == everything
        assert [r[1] for r in everything] == ["account-1"] * 3
    direct = await client.fetch("select type, data from get_stream_messages('account-1')")
    assert [tuple(r) for r in direct] == [
        ("Opened", '{"n": 1}'),
        ("Deposited", '{"n": 2}'),
        ("Closed", '{"n": 3}'),
    ]


async def test_listings_and_filters_do_without_message_dbs_search_path(
    genuine_url: str, genuine_client: Callable[..., Any]
) -> None:
    client = await genuine_client()
    for stream in ("b-1", "a-2", "a-1", "A-1", "a-1", "a"):
        await client.fetchval(WRITE, stream, "T", "1")
    async with adopted(genuine_url) as namespace:
        store = namespace.store
        listed = [(s.stream, s.version) for s in await store.streams("", "", 10)]
        assert listed == [("A-1", 0), ("a", 0), ("a-1", 1), ("a-2", 0), ("b-1", 0)]
        assert [s.stream for s in await store.streams("a-", "a-1", 10)] == ["a-2"]
        assert [s.stream for s in await store.streams("", "a", 2)] == ["a-1", "a-2"]
        assert await store.version("a-1") == 1
        counted = [(c.category, c.message_count) for c in await store.categories()]
        assert counted == [("A", 1), ("a", 4), ("b", 1)]
        members = [
            [r[1] for r in rows(await store.read(CategoryQuery("a", group=(m, 2)), 10))]
            for m in range(2)
        ]
        assert sorted(members[0] + members[1]) == ["a-1", "a-1", "a-2"]
        direct = await client.fetch(
            "select stream_name from get_category_messages('a', 1, 10, null, 0, 2)"
        )
        assert [r[0] for r in direct] == members[0]


async def test_a_message_db_is_not_adopted_without_being_asked(genuine_url: str) -> None:
    before = await trio.to_thread.run_sync(dumped, genuine_url)
    with pytest.raises(NotAdopted) as refusal:
        async with mdb.open(genuine_url):
            pass
    for choice in ("mdb serve --adopt", "mdb ns adopt default --schema message_store", "import"):
        assert choice in str(refusal.value)
    assert await trio.to_thread.run_sync(dumped, genuine_url) == before


async def test_released_it_is_as_it_was(
    genuine_url: str, genuine_client: Callable[..., Any]
) -> None:
    client = await genuine_client()
    before = await trio.to_thread.run_sync(dumped, genuine_url)
    async with adopted(genuine_url) as namespace:
        await namespace.write("account-1", "Opened", {})
        inside = await trio.to_thread.run_sync(dumped, genuine_url)
        assert inside != before
        with pytest.raises(OpenError, match=r"stop all servers first; .* pid [0-9]+"):
            await trio.to_thread.run_sync(administration.release, genuine_url, "default")
    assert await trio.to_thread.run_sync(administration.release, genuine_url, "default")
    assert await trio.to_thread.run_sync(dumped, genuine_url) == before
    assert await client.fetchval("select stream_version('account-1')") == 0
    with pytest.raises(NotAdopted):
        async with mdb.open(genuine_url):
            pass


async def test_a_release_whose_answer_was_lost_is_not_said_to_have_done_nothing(
    genuine_url: str,
) -> None:
    async with adopted(genuine_url) as namespace:
        await namespace.write("account-1", "Opened", {})
    async with breaking_proxy(genuine_url) as proxy:
        proxy.break_at(b"COMMIT", "after")
        with pytest.raises(OpenError, match="may have been done") as broken:
            await trio.to_thread.run_sync(administration.release, proxy.url, "default")
        assert "nothing" not in str(broken.value)
    with pytest.raises(OpenError, match="no database of mdb"):
        await trio.to_thread.run_sync(administration.release, genuine_url, "default")


async def test_released_among_others_the_others_stay(genuine_url: str) -> None:
    def adopt() -> Any:
        return administration.adopt(genuine_url, "old", SCHEMA, digest("old"))

    record = await trio.to_thread.run_sync(adopt)
    assert (record.id, record.location, record.adopted) == ("old", SCHEMA, True)
    async with mdb.open(genuine_url) as database:
        assert await database.store.find_token(digest("old")) is not None
        # Another has the default namespace's place.
        default = await database.namespace()
        assert default.record.location.startswith("ns_default_")
        await default.write("a-1", "T", 1)
        await (await database.namespace("old")).write("a-1", "T", 1)
    assert not await trio.to_thread.run_sync(administration.release, genuine_url, "old")
    with pytest.raises(OpenError, match="was not adopted"):
        await trio.to_thread.run_sync(administration.release, genuine_url, "default")
    async with mdb.open(genuine_url) as database:
        assert await (await database.namespace()).store.version("a-1") == 0
        assert await database.store.find_token(digest("old")) is None
        with pytest.raises(NamespaceNotFound):
            await database.namespace("old")


async def test_it_is_never_deleted_nor_imported_into(genuine_url: str) -> None:
    await trio.to_thread.run_sync(administration.adopt, genuine_url, "old", SCHEMA, digest("old"))
    async with mdb.open(genuine_url) as database:
        namespace = await database.namespace("old")
        written = await namespace.write("a-1", "T", 1)
        with pytest.raises(InvalidRequest, match="mdb ns release old"):
            await database.delete_namespace("old")
        with pytest.raises(NamespaceNotFound):
            await database.store.delete_namespace(namespace.record)
        with pytest.raises(InvalidRequest, match="takes no import"):
            async with namespace.store.begin_import():
                pass
        assert await namespace.store.head() == written.global_position
        assert await database.rotate_token("old")
        assert await database.store.find_token(digest("old")) is None


OBSTACLES = {
    "alter sequence {s}.messages_global_position_seq cache 32": "has cache 32; it must be 1",
    "alter sequence {s}.messages_global_position_seq increment 2": "does not count up by 1",
    "drop index {s}.messages_stream": 'no index messages_stream on (stream_name, "position")',
    "drop index {s}.messages_category": "no index messages_category",
    "drop function {s}.write_message": "no function write_message(character varying, ",
    "drop function {s}.get_last_stream_message": "no function get_last_stream_message",
    "alter table {s}.messages rename data to body": "no column data of type jsonb",
    "alter table {s}.messages add extra int not null": "has a column extra that must be given",
    "alter table {s}.messages enable row level security": "row-level security",
    "drop schema {s} cascade": "there is no such schema",
    "drop table {s}.messages cascade": "there is no table messages",
    "create or replace function {s}.message_store_version() returns varchar language sql"
    " as $$ select '1.1.0'::varchar $$": "it is Message DB 1.1.0",
    "create or replace function {s}.hash_64(value varchar) returns bigint language sql immutable"
    " as $$ select 1::bigint $$": "its hash_64 or category is not Message DB's",
    "create function {s}.lock_namespace() returns int language sql as 'select 1'": "made by mdb",
}


@pytest.mark.parametrize("change", OBSTACLES)
async def test_what_is_no_message_db_is_refused_by_name(
    genuine_url: str, genuine_client: Callable[..., Any], change: str
) -> None:
    client = await genuine_client()
    await client.execute(change.format(s=SCHEMA))
    with pytest.raises(OpenError) as refusal:
        await trio.to_thread.run_sync(administration.adopt, genuine_url, "x", SCHEMA, digest("x"))
    assert OBSTACLES[change] in str(refusal.value)
    assert await client.fetchval(OBJECTS) == 0


async def test_servers_that_adopt_at_once_both_serve_it(genuine_url: str) -> None:
    async with (
        mdb.open(genuine_url, adopt=True) as one,
        mdb.open(genuine_url, adopt=True) as other,
    ):
        shown: list[str | None] = []

        async def start(database: mdb.Database) -> None:
            shown.append((await database.ensure_default())[0])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(start, one)
            nursery.start_soon(start, other)
        [token] = [token for token in shown if token is not None]
        for database in (one, other):
            namespace = await database.authenticate(token)
            assert (namespace.id, namespace.record.adopted) == ("default", True)
