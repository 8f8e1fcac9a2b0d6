"""Applying migrations to the registry's schema and to those of the namespaces.

Every function runs whole on one session. A schema's pending migrations are one transaction: a
crash in the middle leaves it as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from mdb.core.messages import NamespaceRecord
from mdb.stores.migrations import Applied, Migration, Scope, available, pending
from mdb.stores.postgres.faults import Gone
from mdb.stores.postgres.schemas import functions_schema
from mdb.stores.postgres.session import Session
from mdb.stores.postgres.sql import REGISTRY_SCHEMA, fill, registry_query

# Seconds for one script: an index over a large namespace takes its time.
SCRIPT_LIMIT = 3600.0


async def migrate_registry(session: Session) -> int:
    """Bring the registry's schema up to date; return how many migrations were applied.

    Of servers that start together one does it, under a lock, and the others find it done. Raises
    `MigrationError` (see `migrations.pending`).
    """
    schema, where = REGISTRY_SCHEMA, f"schema {REGISTRY_SCHEMA}"
    shipped = available("postgres", "metadata")
    if not pending(shipped, await applied(session, schema), where):
        return 0
    async with session.raw.transaction():
        await session.raw.execute(registry_query("migration_lock"), timeout=SCRIPT_LIMIT)
        await session.raw.execute(registry_query("migrations_table"))
        todo = pending(shipped, await applied(session, schema), where)
        await _apply(session, schema, todo)
    return len(todo)


async def migrate_namespace(session: Session, record: NamespaceRecord) -> int:
    """Bring a namespace's schema up to date; return how many migrations were applied.

    Raises `Gone` where the namespace is no more, and `MigrationError`.
    """
    schema, where = functions_schema(record), f"namespace {record.id}"
    shipped = available("postgres", _scope(record))
    held = await applied(session, schema)
    if not held:
        raise Gone  # it was created with all that its server knew of
    if not pending(shipped, held, where):
        return 0
    async with session.raw.transaction():
        await session.raw.execute(registry_query("migration_lock"), timeout=SCRIPT_LIMIT)
        # Nobody deletes it meanwhile: nothing may be created in a schema that is being dropped.
        lock = registry_query("namespace_lock")
        if not await session.raw.fetchval(lock, UUID(record.incarnation)):
            raise Gone
        todo = pending(shipped, await applied(session, schema), where)
        await _apply(session, record.location, todo, schema)
    return len(todo)


async def install(session: Session, record: NamespaceRecord) -> None:
    """Create a namespace's schema, or what serves the one that it adopts.

    Call it inside a transaction; nobody else knows the name yet.
    """
    todo = available("postgres", _scope(record))
    await _apply(session, record.location, todo, functions_schema(record))


def _scope(record: NamespaceRecord) -> Scope:
    return "adopted" if record.adopted else "namespace"


async def _apply(
    session: Session, schema: str, todo: Sequence[Migration], functions: str | None = None
) -> None:
    """Run scripts on a schema. `functions`: where they put what isn't Message DB's, if elsewhere.

    The migrations are noted for that schema, which is the one that they changed.
    """
    for migration in todo:
        for _name, text in migration.scripts:
            await session.raw.execute(fill(text, schema, functions), timeout=SCRIPT_LIMIT)
        await session.raw.execute(
            registry_query("migration_insert"),
            functions or schema,
            migration.version,
            migration.name,
            migration.checksum,
        )


async def applied(session: Session, schema: str) -> list[Applied]:
    """Return the migrations that a schema holds."""
    if not await session.raw.fetchval(registry_query("migrations_table_exists")):
        return []
    rows = await session.raw.fetch(registry_query("migrations_applied"), schema)
    return [Applied(row["version"], row["name"], row["checksum"]) for row in rows]
