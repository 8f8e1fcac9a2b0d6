"""Looking through a database for what must not be, while servers may work in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import asyncpg
import trio

from mdb.core.messages import NamespaceRecord
from mdb.stores.base import OpenError
from mdb.stores.faults import LISTED, Fault, NamespaceChecked
from mdb.stores.migrations import MigrationError, Scope, available, pending
from mdb.stores.postgres import registry
from mdb.stores.postgres.bridge import open_bridge
from mdb.stores.postgres.connect import Connector, first_connection, parse_url
from mdb.stores.postgres.faults import Lost, one_line
from mdb.stores.postgres.migrate import applied
from mdb.stores.postgres.schemas import functions_schema
from mdb.stores.postgres.session import Row, Session
from mdb.stores.postgres.sql import REGISTRY_SCHEMA, NamespaceQueries, registry_query

# Seconds for one query, and for all of them: a large namespace is read several times.
_QUERY_LIMIT = 3600.0
_LIMIT = 86_400.0

# What the list of namespaces is read in.
_PAGE = 1000

_INDEXES = ("messages_pkey", "messages_id", "messages_stream", "messages_category")

_Describe: TypeAlias = Callable[[Row], str]

# Query -> how a row that it finds is told.
_RULES: tuple[tuple[str, _Describe], ...] = (
    (
        "check_gaps",
        lambda r: f"stream {r[0]}: {r[3]} messages with positions from {r[1]} to {r[2]}",
    ),
    ("check_positions", lambda r: f"stream {r[0]}: position {r[1]} stands {r[2]} times"),
    (
        "check_order",
        lambda r: (
            f"stream {r[0]}: position {r[1]} (global position {r[2]}) stands after one "
            f"with global position {r[3]}"
        ),
    ),
    ("check_ids", lambda r: f"message id {r[0]} stands {r[1]} times"),
    ("check_metadata", lambda r: f"global position {r[0]}: metadata is a JSON {r[1]}"),
)


def check(url: str) -> list[Fault | NamespaceChecked]:
    """Look through the registry and every namespace, each as it stands at one moment.

    Runs an event loop of its own; call it where none runs. Nothing is written, and writers are
    not held up. Raises `OpenError` where there is no database of ours to look through.
    """
    return trio.run(_check, url)


async def _check(url: str) -> list[Fault | NamespaceChecked]:
    async with open_bridge() as bridge:
        session = await first_connection(bridge, Connector(parse_url(url)))
        try:
            return await bridge.call(_all, session, limit=_LIMIT)
        except (Lost, TimeoutError, asyncpg.PostgresError) as exc:
            raise OpenError(f"the check broke off: {one_line(exc)}") from exc
        finally:
            session.terminate()


async def _all(session: Session) -> list[Fault | NamespaceChecked]:
    if not await session.value(registry_query("migrations_table_exists")):
        raise OpenError(f"there is no database of mdb in it (no schema {REGISTRY_SCHEMA})")
    problems = await _schema(session, "metadata", REGISTRY_SCHEMA)
    found: list[Fault | NamespaceChecked] = [Fault(None, problem) for problem in problems]
    offset = 0
    while page := await registry.list_namespaces(session, _PAGE, offset):
        for record in page:
            checked = await _namespace(session, record)
            if checked is not None:
                found.append(checked)
        offset += len(page)
    return found


async def _namespace(session: Session, record: NamespaceRecord) -> NamespaceChecked | None:
    """Look through a namespace; None where it was deleted in the meantime."""
    try:
        async with session.raw.transaction(isolation="repeatable_read", readonly=True):
            return await _rows(session, record)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as exc:
        now = await registry.find_namespace(session, record.id)
        if now is None or now.incarnation != record.incarnation:
            return None
        return NamespaceChecked(record.id, 0, 0, 0, (Fault(record.id, one_line(exc)),))


async def _rows(session: Session, record: NamespaceRecord) -> NamespaceChecked:
    functions = functions_schema(record)
    queries = NamespaceQueries(record.location, functions)
    fetch = partial(session.raw.fetch, timeout=_QUERY_LIMIT)
    ((messages, streams, head),) = await fetch(queries["check_counts"])
    problems = await _schema(session, "adopted" if record.adopted else "namespace", functions)
    problems += await _indexes(session, record.location)
    ((given,),) = await fetch(queries["check_sequence"])
    # The snapshot is older than the sequence's state: writers only ever move that upwards.
    if given < head:
        problems.append(f"the sequence of global positions is at {given}, below the head {head}")
    for name, describe in _RULES:
        rows: list[Any] = await fetch(queries[name], LISTED + 1)
        problems += [describe(row) for row in rows[:LISTED]]
        problems += [f"and more of the same kind: {describe(row)}" for row in rows[LISTED:]]
    faults = tuple(Fault(record.id, problem) for problem in problems)
    return NamespaceChecked(record.id, messages, streams, head, faults)


async def _schema(session: Session, scope: Scope, schema: str) -> list[str]:
    """Whether the migrations that were applied are ones that this program knows."""
    held = await applied(session, schema)
    if not held:
        return [f"schema {schema}: nothing says which migrations it holds"]
    try:
        pending(available("postgres", scope), held, f"schema {schema}")
    except MigrationError as exc:
        return [str(exc)]
    return []


async def _indexes(session: Session, schema: str) -> list[str]:
    rows = await session.raw.fetch(registry_query("check_indexes"), schema, timeout=_QUERY_LIMIT)
    sound = {row[0] for row in rows}
    return [f"the index {name} is missing, or not valid" for name in _INDEXES if name not in sound]
