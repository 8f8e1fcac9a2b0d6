"""An import on its way in: staged in temporary tables of one session, then moved at once.

Asyncio functions that run on that session, which nothing else uses. Between them no transaction is
open, unless a transaction pooler stands between: then the whole import is one, for only that keeps
the session and its tables.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
import msgspec
from asyncpg.pgproto.pgproto import UUID  # made in a tenth of the standard one's time

from mdb.core.errors import BackendError, MdbError, MessageIdConflict
from mdb.core.messages import Part, StoredMessage
from mdb.stores.continuity import check_part, closed, misplaced, runs, too_low
from mdb.stores.postgres.connect import LOCK_TIMEOUT
from mdb.stores.postgres.session import Session, SessionId
from mdb.stores.postgres.sql import NamespaceQueries, registry_query
from mdb.stores.postgres.writes import END_LIMIT, await_standbys

_COLUMNS = (
    "line",
    "id",
    "stream_name",
    "type",
    "position",
    "global_position",
    "data",
    "metadata",
    "time",
)


class MoveAttempt(msgspec.Struct):
    """What is known of a move that may break off: its commit was `sent` by the session `by`."""

    sent: bool = False
    by: SessionId | None = None
    first_id: UUID | None = None


# Microseconds from 1970 to 2000, from when Postgres counts.
_TO_2000 = 946_684_800_000_000


async def prepare(session: Session, queries: NamespaceQueries) -> None:
    """Create the tables."""
    # As numbers: the driver takes the first and the last moment of its own type for infinities.
    await session.raw.set_type_codec(
        "timestamp",
        schema="pg_catalog",
        format="tuple",
        encoder=lambda time: (time - _TO_2000,),
        decoder=lambda counted: counted[0] + _TO_2000,
    )
    if session.pooled:
        await session.raw.transaction().start()
        await session.row(registry_query("write_settings"), LOCK_TIMEOUT)
    await session.row(queries["staging_settings"], session.pooled)
    # Where the session goes on to others, the tables end with the transaction that is the import.
    end = " on commit drop" if session.pooled else ""
    await session.raw.execute(queries["staging_messages"] + end)
    await session.raw.execute(queries["staging_streams"] + end)


async def stage(
    session: Session, queries: NamespaceQueries, messages: Sequence[tuple[int, StoredMessage]]
) -> None:
    """Add messages. See `Importer.stage`."""
    found = runs(messages)
    names = [run.stream for run in found]
    rows = await session.fetch(queries["staging_last"], names)
    for run, (_stream, last) in zip(found, rows, strict=True):
        if last is not None and run.first != last + 1:
            raise misplaced(run.line, run.stream, run.first, last)
    await session.row(
        queries["staging_stream"],
        names,
        [run.first for run in found],
        [run.last for run in found],
        [run.line for run in found],
    )
    await session.raw.copy_records_to_table(
        "mdb_import",
        schema_name="pg_temp",
        columns=_COLUMNS,
        records=[
            (
                line,
                UUID(m.id),
                m.stream,
                m.type,
                m.position,
                m.global_position,
                m.data,
                m.metadata,
                m.time,
            )
            for line, m in messages
        ],
    )


async def import_source(session: Session, queries: NamespaceQueries) -> str | None:
    """Return where the import comes from that keeps the namespace closed, None for none."""
    source: str | None = await session.value(queries["import_source"])
    return source


async def move(
    session: Session,
    queries: NamespaceQueries,
    attempt: MoveAttempt,
    part: Part | None,
    limit: float,
) -> None:
    """Move everything into the namespace. See `Importer.move`. `limit`: seconds a statement."""
    first = await session.row(queries["staging_first"])
    attempt.first_id = None if first is None else first["id"]
    attempt.by = session.id
    transaction = session.raw.transaction()
    await transaction.start()
    try:
        # In a statement of its own: what follows sees all that was committed before.
        await session.row(queries["settle_begin"])
        source = await _check_part(session, queries, part)
        if first is not None:
            await _check_place(session, queries, first["line"], first["global_position"])
            await session.raw.execute(queries["staging_move"], timeout=limit)
            await session.value(queries["staging_sequence"])
        if part is not None and part.last and source is not None:
            await session.raw.execute(queries["import_open"])
        elif part is not None and not part.last and source is None:
            await session.raw.execute(queries["import_close"])
    except asyncpg.UniqueViolationError as exc:
        await transaction.rollback()  # noqa: ASYNC120  (the driver is used from asyncio, where this is no checkpoint of trio)
        raise await _explanation(session, queries) from exc
    except Exception:
        if not session.is_closed:
            await transaction.rollback()  # noqa: ASYNC120  (the driver is used from asyncio, where this is no checkpoint of trio)
        raise
    attempt.sent = True
    await transaction.commit()
    if session.pooled:
        await session.raw.execute("commit")


async def _check_part(session: Session, queries: NamespaceQueries, part: Part | None) -> str | None:
    """Judge whether it may go on; return the source of the import that is under way."""
    source = await import_source(session, queries)
    if part is None:
        if source is not None:
            raise closed(source)
        return None
    end = await session.row(queries["import_end_of"])
    check_part(part, *((0, None) if end is None else (end[0], end[1].bytes)))
    await session.row(queries["import_let_in"], part.source)
    return source


async def _check_place(
    session: Session, queries: NamespaceQueries, line: int, position: int
) -> None:
    head: int = await session.value(queries["head"])
    if position <= head:
        raise too_low(line, position, head)
    row = await session.row(queries["staging_misplaced"])
    if row is not None:
        raise misplaced(*row)


async def _explanation(session: Session, queries: NamespaceQueries) -> MdbError:
    """Find the line that the namespace's unique indexes refused. Nothing is locked any more."""
    row = await session.row(queries["staging_known_id"])
    if row is None:
        return BackendError("the database refused the import")
    text = str(row["id"])
    return MessageIdConflict(
        f"message id {text} is stored already", details={"id": text, "line": row["line"]}
    )


async def stands(session: Session, queries: NamespaceQueries, attempt: MoveAttempt) -> bool:
    """Tell whether a move whose commit broke off was carried out.

    Its session is ended first, if it is still there. Raises `TimeoutError` where it does not end.
    """
    old = attempt.by
    if old is not None:
        ended = await session.value(registry_query("end_session"), old.pid, old.started, END_LIMIT)
        if not ended:
            raise TimeoutError(f"session {old.pid}, whose commit broke off, does not end")
    async with session.raw.transaction():
        await session.row(queries["settle_begin"])
        found = bool(await session.value(queries["message_exists"], attempt.first_id))
        if found:
            await await_standbys(session.value)
        return found
