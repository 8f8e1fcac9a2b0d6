"""The registry's tables: namespaces and tokens. Asyncio functions, each whole on one session."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from mdb.core.errors import NamespaceExists, NamespaceNotFound
from mdb.core.messages import NamespaceRecord
from mdb.stores.postgres.adoption import not_adopted
from mdb.stores.postgres.migrate import install
from mdb.stores.postgres.schemas import DEFAULT_SCHEMA, own_schema_name, schema_name
from mdb.stores.postgres.session import Row, Session
from mdb.stores.postgres.sql import NamespaceQueries, fill, registry_query


def _record(row: Row) -> NamespaceRecord:
    return NamespaceRecord(
        id=row["id"],
        incarnation=str(row["incarnation"]),
        location=row["schema_name"],
        created_at=row["created_at"],
        description=row["description"],
        metadata=row["metadata"],
        adopted=row["adopted"],
    )


async def create(  # noqa: PLR0917  (called through the pool, which passes positions)
    session: Session,
    namespace: str,
    incarnation: UUID,
    token_digest: bytes,
    description: str | None,
    metadata: bytes | None,
) -> NamespaceRecord:
    """Create a namespace, its schema and its token in one transaction. Raises `NamespaceExists`.

    Raises `NotAdopted` where somebody else's messages are in the schema that it should have, which
    can only be the default namespace's `message_store`.
    """
    raw = session.raw
    schema = schema_name(namespace, incarnation)
    if schema == DEFAULT_SCHEMA and await raw.fetchval(registry_query("schema_taken"), schema):
        # Another namespace has adopted it.
        schema = own_schema_name(namespace, incarnation)
    try:
        async with raw.transaction():
            # First the name: whoever creates the same waits here, and then finds it taken.
            row = await raw.fetchrow(
                registry_query("namespace_insert"),
                incarnation,
                namespace,
                schema,
                description,
                metadata,
            )
            await raw.execute(registry_query("token_insert"), token_digest, incarnation)
            if await raw.fetchval(registry_query("log_exists"), schema):
                raise await not_adopted(session)
            record = NamespaceRecord(
                id=namespace,
                incarnation=str(incarnation),
                location=schema,
                created_at=row["created_at"],
                description=description,
                metadata=row["metadata"],
            )
            await install(session, record)
    except asyncpg.UniqueViolationError as exc:
        raise NamespaceExists(f"namespace {namespace} exists") from exc
    return record


async def bury(session: Session, record: NamespaceRecord) -> int:
    """Stop serving it: the name is free, its tokens are gone. Return the time, in microseconds."""
    incarnation = UUID(record.incarnation)
    async with session.raw.transaction():
        deleted_at: int | None = await session.raw.fetchval(
            registry_query("namespace_bury"), incarnation
        )
        if deleted_at is None:
            raise NamespaceNotFound(f"namespace {record.id} not found")
        await session.raw.execute(registry_query("tokens_delete"), incarnation)
    return deleted_at


async def drop(session: Session, incarnation: UUID, schema: str) -> None:
    """Drop a buried namespace's schema, then its tombstone. May be called twice.

    Under the namespace's lock: a batch that is being written ends first, and a later one finds no
    schema, which is how a server that has not heard of the deletion learns of it.
    """
    queries = NamespaceQueries(schema)
    raw = session.raw
    async with raw.transaction():
        if not await raw.fetchval(registry_query("tombstone_lock"), incarnation):
            return
        if await raw.fetchval(registry_query("messages_exist"), schema):
            await raw.execute(fill("SELECT {schema}.lock_namespace()", schema))
        await raw.execute(queries["drop_schema"])
        await raw.execute(registry_query("migrations_forget"), schema)
        await raw.execute(registry_query("namespace_forget"), incarnation)


async def buried(session: Session) -> list[tuple[UUID, str]]:
    """Return incarnation and schema of the deletions that were interrupted."""
    return [tuple(row) for row in await session.fetch(registry_query("namespaces_buried"))]


async def find_namespace(session: Session, namespace: str) -> NamespaceRecord | None:
    """Look a living namespace up by id."""
    row = await session.row(registry_query("namespace_find"), namespace)
    return None if row is None else _record(row)


async def find_token(session: Session, digest: bytes) -> tuple[bytes, NamespaceRecord] | None:
    """Look a token up by its digest; an expired one is not found."""
    row = await session.row(registry_query("token_find"), digest)
    return None if row is None else (row["digest"], _record(row))


async def list_namespaces(session: Session, limit: int, offset: int) -> Sequence[NamespaceRecord]:
    """List living namespaces by id."""
    return [
        _record(row) for row in await session.fetch(registry_query("namespace_list"), limit, offset)
    ]


async def set_token(
    session: Session, record: NamespaceRecord, digest: bytes, instead_of: bytes | None
) -> bool:
    """Replace a namespace's tokens by one. See `Store.set_token`."""
    incarnation = UUID(record.incarnation)
    async with session.raw.transaction():
        if not await session.raw.fetchval(registry_query("namespace_lock"), incarnation):
            raise NamespaceNotFound(f"namespace {record.id} not found")
        if instead_of is not None and not await session.raw.fetchval(
            registry_query("token_of"), instead_of, incarnation
        ):
            return False
        await session.raw.execute(registry_query("tokens_delete"), incarnation)
        await session.raw.execute(registry_query("token_insert"), digest, incarnation)
    return True


async def schema_exists(session: Session, schema: str) -> bool:
    """Tell whether a namespace's schema is still there."""
    return bool(await session.value(registry_query("schema_exists"), schema))
