"""Adopting: serving a Message DB that somebody else made, in place, without putting anything in it.

Asyncio functions, each whole on one session. What this server needs to run for such a schema is
installed in one beside it, and a release drops that.
"""

from __future__ import annotations

from uuid import UUID

import asyncpg

from mdb.core.errors import NamespaceExists, NamespaceNotFound
from mdb.core.messages import NamespaceRecord
from mdb.stores.base import NotAdopted, OpenError
from mdb.stores.postgres.migrate import install
from mdb.stores.postgres.schemas import DEFAULT_NAMESPACE, DEFAULT_SCHEMA, functions_schema
from mdb.stores.postgres.session import Session
from mdb.stores.postgres.sql import NamespaceQueries, registry_query

# The versions of Message DB whose tables, locks and functions are the ones that are known here.
_VERSIONS = ("1.2.", "1.3.")


async def obstacles(session: Session, schema: str) -> list[str]:
    """Return what keeps a schema from being adopted, a line each; none: nothing does."""
    rows = await session.raw.fetch(registry_query("adoptable"), schema)
    if rows:
        return [row["problem"] for row in rows]
    found = []
    row = await session.raw.fetchrow(NamespaceQueries(schema)["adoptable_behaviour"])
    if not row["version"].startswith(_VERSIONS):
        found.append(f"it is Message DB {row['version']}; 1.2 and 1.3 can be adopted")
    if not row["same_keys"]:
        found.append("its hash_64 or category is not Message DB's")
    return found


async def adopt(
    session: Session, namespace: str, incarnation: UUID, token_digest: bytes, schema: str
) -> NamespaceRecord:
    """Make a schema that holds a Message DB a namespace, all of it or nothing.

    Raises `OpenError` naming everything that keeps it from being adopted, `NamespaceExists`.
    """
    raw = session.raw
    try:
        async with raw.transaction():
            row = await raw.fetchrow(
                registry_query("namespace_adopt"), incarnation, namespace, schema
            )
            await raw.execute(registry_query("token_insert"), token_digest, incarnation)
            found = await obstacles(session, schema)
            if found:
                raise OpenError(f"the schema {schema} cannot be adopted: {'; '.join(found)}")
            record = NamespaceRecord(
                id=namespace,
                incarnation=str(incarnation),
                location=schema,
                created_at=row["created_at"],
                adopted=True,
            )
            await install(session, record)
    except asyncpg.UniqueViolationError as exc:
        # Of two that adopt it under one id, the second meets both constraints, this one first.
        made = await raw.fetchval(registry_query("namespace_exists"), namespace)  # noqa: ASYNC120  (the driver is used from asyncio, where this is no checkpoint of trio)
        if exc.constraint_name == "namespaces_schema_name" and not made:
            raise OpenError(f"the schema {schema} belongs to a namespace already") from exc
        raise NamespaceExists(f"namespace {namespace} exists") from exc
    return record


async def check_first_start(session: Session, adopt: bool) -> None:
    """See whether the default namespace's place is taken by what mdb did not make.

    Before the registry is touched, or even there. `adopt`: it may be, by what can be adopted.
    Raises `NotAdopted`, naming the choices.
    """
    if await session.raw.fetchval(registry_query("migrations_table_exists")):
        made = await session.raw.fetchval(registry_query("namespace_exists"), DEFAULT_NAMESPACE)
        if made or await session.raw.fetchval(registry_query("schema_taken"), DEFAULT_SCHEMA):
            return
    if not await session.raw.fetchval(registry_query("log_exists"), DEFAULT_SCHEMA):
        return
    if not adopt or await obstacles(session, DEFAULT_SCHEMA):
        raise await not_adopted(session)


async def has_foreign_messages(session: Session) -> bool:
    """Tell whether the default namespace's place holds messages that belong to no namespace."""
    if await session.value(registry_query("schema_taken"), DEFAULT_SCHEMA):
        return False
    return bool(await session.value(registry_query("log_exists"), DEFAULT_SCHEMA))


async def not_adopted(session: Session) -> NotAdopted:
    """Say what is in the default namespace's place, and what can be done."""
    found = await obstacles(session, DEFAULT_SCHEMA)
    if found:
        return NotAdopted(
            f"the schema {DEFAULT_SCHEMA} holds a table messages that mdb did not make and that "
            f"cannot be adopted: {'; '.join(found)}. Nothing was touched; use another database"
        )
    return NotAdopted(
        f"the schema {DEFAULT_SCHEMA} holds a Message DB. Nothing was touched. Serve it in place "
        "as the default namespace: mdb serve --adopt, or mdb ns adopt default --schema "
        f"{DEFAULT_SCHEMA}; or as another one: mdb ns adopt NAME --schema {DEFAULT_SCHEMA}; or "
        "use another database, and import from this one"
    )


async def release(session: Session, record: NamespaceRecord) -> bool:
    """Forget an adopted namespace, and drop what served it: its schema is as it was before.

    Where no namespace is left, the registry goes, too: return whether it did. Raises `OpenError`
    while servers are connected, and where the namespace was not adopted; `NamespaceNotFound`.
    """
    if not record.adopted:
        raise OpenError(
            f"the namespace {record.id} was not adopted: its schema {record.location} is mdb's own"
        )
    raw = session.raw
    async with raw.transaction():
        # A server that starts now waits for this lock, or finds the registry gone.
        await raw.execute(registry_query("migration_lock"))
        servers = await raw.fetch(registry_query("servers"))
        if servers:
            told = ", ".join(f"pid {row['pid']} from {row['address']}" for row in servers)
            raise OpenError(f"stop all servers first; sessions of mdb are connected: {told}")
        if not await raw.fetchval(registry_query("namespace_release"), UUID(record.incarnation)):
            raise NamespaceNotFound(f"namespace {record.id} not found")
        functions = functions_schema(record)
        await raw.execute(registry_query("migrations_forget"), functions)
        await raw.execute(NamespaceQueries(record.location, functions)["functions_drop"])
        last = not await raw.fetchval(registry_query("namespaces_left"))
        if last:
            await raw.execute(registry_query("registry_drop"))
    return last
