"""What an operator does to a database directly: adopt, release, grant. One connection, no server.

Each function runs an event loop of its own; call it where none runs. All raise `OpenError` with one
line for the operator, and `MdbError`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar
from uuid import uuid4

import asyncpg
import trio

from mdb.core.errors import NamespaceNotFound
from mdb.core.messages import NamespaceRecord
from mdb.stores.base import OpenError
from mdb.stores.migrations import MigrationError
from mdb.stores.postgres import adoption, registry
from mdb.stores.postgres.bridge import open_bridge
from mdb.stores.postgres.connect import Connector, first_connection, parse_url
from mdb.stores.postgres.faults import Lost, one_line
from mdb.stores.postgres.migrate import SCRIPT_LIMIT, migrate_registry
from mdb.stores.postgres.session import Session
from mdb.stores.postgres.sql import NamespaceQueries, quoted, registry_query

T = TypeVar("T")


def adopt(url: str, namespace: str, schema: str, token_digest: bytes) -> NamespaceRecord:
    """Make a schema that holds a Message DB a namespace. See `adoption.adopt`.

    Where the schema cannot be adopted nothing is touched; else the registry is set up if need be.
    """
    return _run(url, partial(_adopt, namespace, schema, token_digest))


def release(url: str, namespace: str) -> bool:
    """Let an adopted schema go. See `adoption.release`."""
    return _run(url, partial(_release, namespace))


def grant(url: str, namespace: str, role: str, *, revoke: bool = False) -> None:
    """Let a role do in a namespace's schema what Message DB's own role may do, or end that."""
    _run(url, partial(_grant, namespace, role, revoke=revoke))


def _run(url: str, work: Callable[[Session], Awaitable[T]]) -> T:
    return trio.run(_with_session, url, work)


async def _with_session(url: str, work: Callable[[Session], Awaitable[T]]) -> T:
    async with open_bridge() as bridge:
        session = await first_connection(bridge, Connector(parse_url(url)))
        try:
            return await bridge.call(work, session, limit=SCRIPT_LIMIT)
        except (Lost, TimeoutError) as exc:
            # Perhaps in the middle of the commit.
            raise OpenError(
                f"the connection broke off ({one_line(exc)}): it may have been done, or not; look "
                "with mdb ns list or mdb check before it is tried again"
            ) from exc
        except (asyncpg.PostgresError, MigrationError) as exc:
            raise OpenError(f"nothing was done: {one_line(exc)}") from exc
        finally:
            session.terminate()


async def _adopt(
    namespace: str, schema: str, token_digest: bytes, session: Session
) -> NamespaceRecord:
    found = await adoption.obstacles(session, schema)
    if found:
        raise OpenError(f"the schema {schema} cannot be adopted: {'; '.join(found)}")
    await migrate_registry(session)
    return await adoption.adopt(session, namespace, uuid4(), token_digest, schema)


async def _release(namespace: str, session: Session) -> bool:
    return await adoption.release(session, await _record(session, namespace))


async def _record(session: Session, namespace: str) -> NamespaceRecord:
    if not await session.value(registry_query("migrations_table_exists")):
        raise OpenError("there is no database of mdb here")
    record = await registry.find_namespace(session, namespace)
    if record is None:
        raise NamespaceNotFound(f"namespace {namespace} not found")
    return record


async def _grant(namespace: str, role: str, session: Session, *, revoke: bool) -> None:
    record = await _record(session, namespace)
    if record.adopted:
        raise OpenError(
            f"the schema {record.location} is adopted, and nothing in it is changed; Message DB "
            f"has a role for its users: grant message_store to {quoted(role)}"
        )
    text = NamespaceQueries(record.location)["revoke" if revoke else "grant"]
    async with session.raw.transaction():
        await session.raw.execute(text.replace("{role}", quoted(role)))
