"""The registry's tables, and the poll of many namespaces."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import asyncpg
import pytest
from trio_asyncio import aio_as_trio

from tests.fixtures.postgres import Connection
from tests.fixtures.postgres_schema import install


@pytest.fixture
async def registry(database_url: str, connect: Any) -> Connection:
    conn = await connect(database_url)
    await aio_as_trio(install)(conn.raw, "metadata", "mdb")
    return conn


async def add(conn: Connection, namespace: str, schema: str) -> uuid.UUID:
    return await conn.fetchval(
        """insert into mdb.namespaces (incarnation, id, schema_name)
        values (gen_random_uuid(), $1, $2) returning incarnation""",
        namespace,
        schema,
    )


async def test_an_id_is_taken_by_one_living_namespace(registry: Connection) -> None:
    first = await add(registry, "tenant", "ns_1")
    with pytest.raises(asyncpg.UniqueViolationError, match="namespaces_id"):
        await add(registry, "tenant", "ns_2")
    await add(registry, "Tenant", "ns_3")  # another id: compared by code points
    await registry.execute(
        "update mdb.namespaces set deleted_at = now() where incarnation = $1", first
    )
    await add(registry, "tenant", "ns_2")
    with pytest.raises(asyncpg.UniqueViolationError, match="namespaces_schema_name"):
        await add(registry, "other", "ns_1")  # not before its old schema has been dropped


async def test_tokens_go_with_their_incarnation(registry: Connection) -> None:
    incarnation = await add(registry, "tenant", "ns_1")
    digest = hashlib.sha256(b"token").digest()
    insert = "insert into mdb.tokens (digest, incarnation) values ($1, $2)"
    await registry.execute(insert, digest, incarnation)
    with pytest.raises(asyncpg.CheckViolationError):
        await registry.execute(insert, b"no digest", incarnation)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await registry.execute(insert, hashlib.sha256(b"x").digest(), uuid.uuid4())
    await registry.execute("delete from mdb.namespaces where incarnation = $1", incarnation)
    assert await registry.fetchval("select count(*) from mdb.tokens") == 0


async def test_heads_of_many_namespaces_at_once(registry: Connection) -> None:
    for schema in ("ns_1", "ns_2"):
        await aio_as_trio(install)(registry.raw, "namespace", schema)
    for _ in range(3):
        await registry.execute(
            "select ns_2.write_message(gen_random_uuid()::text, 'a-1', 'T', '{}')"
        )
    rows = await registry.fetch(
        "select schema_name, head from mdb.tails($1, $2, 10)",
        ["ns_2", "dropped", "ns_1"],
        [0, 0, 0],
    )
    assert [tuple(row) for row in rows] == [("ns_2", 3), ("ns_1", 0)]
