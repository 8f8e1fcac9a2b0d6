"""Which servers mdb runs on, and what an operator reads where it does not."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from mdb.core.messages import StreamQuery
from mdb.stores.base import OpenError
from mdb.stores.postgres import open_store
from mdb.stores.postgres.connect import parse_url, refusal
from tests.fixtures.postgres_server import PostgresServer
from tests.postgres.helpers import digest, one, rows, write


async def refused(url: str) -> str:
    with pytest.raises(OpenError) as caught:
        async with open_store(url):
            pass
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_unreachable_says_which_host_and_how(closed_port: int) -> None:
    line = await refused(f"postgresql://mdb@127.0.0.1:{closed_port}/mdb")
    assert line == f"the database cannot be opened: 127.0.0.1:{closed_port}: connection refused"


async def test_of_several_hosts_each_is_told(closed_port: int, database_url: str) -> None:
    parts = urlsplit(database_url)
    user, _, host = parts.netloc.rpartition("@")
    missing = parts._replace(netloc=f"{user}@127.0.0.1:{closed_port},{host}", path="/none").geturl()
    line = await refused(missing)
    assert f"127.0.0.1:{closed_port}: connection refused" in line
    assert f'{host}: database "none" does not exist' in line


async def test_of_several_hosts_one_is_enough(closed_port: int, database_url: str) -> None:
    parts = urlsplit(database_url)
    user, _, host = parts.netloc.rpartition("@")
    async with open_store(
        parts._replace(netloc=f"{user}@127.0.0.1:{closed_port},{host}").geturl()
    ) as store:
        assert await store.ping() == 1


async def test_a_server_that_takes_no_writes_is_refused(
    database_url: str, connect: Callable[..., Any]
) -> None:
    other = await connect(database_url)
    name = urlsplit(database_url).path[1:]
    await other.execute(f"alter database {name} set default_transaction_read_only = on")
    assert "takes no writes" in await refused(database_url)


async def test_cockroachdb_is_refused(database_url: str, connect: Callable[..., Any]) -> None:
    other = await connect(database_url)
    await other.execute(
        "create or replace function pg_catalog.version() returns text language sql"
        " as $$select 'CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu)'$$"
    )
    assert "CockroachDB is not supported: its advisory locks do nothing" in await refused(
        database_url
    )


@pytest.mark.parametrize(("group", "runs"), [(0, True), (2, False)])
async def test_of_citus_only_the_coordinator_will_do(
    private_postgres: Callable[..., PostgresServer],
    group: int,
    runs: bool,
    connect: Callable[..., Any],
) -> None:
    server = private_postgres(settings={"allow_system_table_mods": "on"})
    other = await connect(server.url())
    await other.execute(
        "create table pg_catalog.pg_dist_local_group (groupid int not null);"
        f"insert into pg_catalog.pg_dist_local_group values ({group})"
    )
    if runs:
        async with open_store(server.url()) as store:
            assert await store.ping() == 1
    else:
        assert "a worker of a Citus cluster (group 2)" in await refused(server.url())


def test_refusals_name_the_reason() -> None:
    fine = "PostgreSQL 14.0 on x86_64"
    assert refusal(fine, 140000, "UTF8", None) is None
    assert refusal(fine, 180001, "UTF8", 0) is None
    assert "14 or later" in str(refusal("PostgreSQL 13.4", 130004, "UTF8", None))
    assert "SQL_ASCII" in str(refusal(fine, 140000, "SQL_ASCII", None))
    assert "YugabyteDB" in str(refusal("PostgreSQL 15.2-YB-2.25.0", 150002, "UTF8", None))


def test_our_own_options_are_taken_out_of_the_url() -> None:
    address = parse_url(
        "postgres://u:p%40@a:1,b:2/db?pool_size=7&pooler=transaction&sslmode=disable"
    )
    assert (address.pool_size, address.pooler, address.hosts) == (7, True, ("a:1", "b:2"))
    assert address.dsn == (
        "postgresql://u:p%40@a:1,b:2/db?sslmode=disable&target_session_attrs=read-write"
    )
    chosen = parse_url("postgresql://a/db?target_session_attrs=any")
    assert chosen.dsn == "postgresql://a/db?target_session_attrs=any"
    assert (chosen.pool_size, chosen.pooler) == (18, False)


@pytest.mark.parametrize("query", ["pool_size=1", "pool_size=many", "pooler=session"])
def test_an_option_that_makes_no_sense_is_refused(query: str) -> None:
    with pytest.raises(OpenError, match=query.partition("=")[0]):
        parse_url(f"postgresql://a/db?{query}")


@pytest.mark.parametrize("password", ["hid/den", "hid?den", "hid#den", "12/hid", "12?hid", "hid["])
def test_a_password_that_was_not_encoded_is_not_taken_for_something_else(password: str) -> None:
    """It would be tried as a port, or a host be looked up, and either be told and logged."""
    with pytest.raises(OpenError, match="percent-encoded") as caught:
        parse_url(f"postgresql://me:{password}@127.0.0.1:1/none")
    assert "hid" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:a%2Fb%3Fc%23d%40@[::1]:5432,h2:1,h3/db?user=a@b&application_name=x",
        "postgresql:///db?host=/var/run/postgresql",
        "postgres://h",
    ],
)
def test_urls_that_are_encoded_are_taken(url: str) -> None:
    assert parse_url(url).dsn.startswith("postgresql:")


async def test_behind_a_transaction_pooler_everything_works(database_url: str) -> None:
    async with open_store(f"{database_url}?pooler=transaction&pool_size=2") as store:
        record = await store.create_namespace("tenant", token_digest=digest("t"))
        namespace = store.namespace(record)
        await write(namespace, one("a-1"))
        await write(namespace, one("a-1"), one("a-2"))
        assert len(rows(await namespace.read(StreamQuery("a-1"), 10))) == 2
        assert await namespace.settle([one("a-1")]) == [None]


async def test_writes_are_synchronous_where_the_server_is_not(
    database_url: str, connect: Callable[..., Any]
) -> None:
    """A trigger tells under which setting the row was written."""
    for suffix in ("", "?pooler=transaction"):
        async with open_store(database_url + suffix) as store:
            record = await store.create_namespace(
                f"tenant{len(suffix)}", token_digest=digest(suffix)
            )
            other = await connect(database_url)
            await other.execute(
                f"""
                create or replace function public.note() returns trigger language plpgsql as $$
                begin
                  new.data := to_jsonb(current_setting('synchronous_commit'));
                  return new;
                end $$;
                create trigger note before insert on "{record.location}".messages
                for each row execute function public.note()
                """
            )
            namespace = store.namespace(record)
            await write(namespace, one("a-1"))
            (row,) = rows(await namespace.read(StreamQuery("a-1"), 10))
            assert row[4] == "on"
