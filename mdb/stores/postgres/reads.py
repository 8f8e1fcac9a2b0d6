"""The read side: asyncio functions on one session; a page is one query.

A row comes out of Postgres as the JSON text of the message, so that Python only joins. The
functions in the namespace's schema go along an index in the order of their answer and stop at its
bounds in rows and bytes.
"""

from __future__ import annotations

from typing import Any

from mdb.core.messages import (
    AllQuery,
    CategoryInfo,
    CategoryQuery,
    Follow,
    NamespaceStats,
    Page,
    Poke,
    PokePage,
    Query,
    StreamInfo,
    StreamQuery,
)
from mdb.stores.base import PAGE_BYTES, POKES_WINDOW
from mdb.stores.postgres.session import Session
from mdb.stores.postgres.sql import NamespaceQueries

# The range of a bigint; a position beyond it means the same as the bound.
_MAX = 2**63 - 1
_MIN = -(2**63)


async def read(session: Session, queries: NamespaceQueries, query: Query, limit: int) -> Page:
    """Read one page (see `NamespaceStore.read`)."""
    name, arguments = _plan(query)
    found = await session.fetch(queries[name], *arguments, limit, PAGE_BYTES)
    if not found:
        return Page(b"", 0, 0, more=False)
    count = len(found)
    rows = ",".join([row[1] for row in found]).encode()
    # The page ends at the row that reaches the bound; the commas are ours.
    cut = len(rows) - (count - 1) >= PAGE_BYTES
    return Page(rows, count, found[-1][0], more=cut or count == limit)


def _plan(query: Query) -> tuple[str, tuple[Any, ...]]:
    """Choose the named query and its arguments, but for the page's bounds."""
    forward = not query.backward
    upto = _bounded(query.upto)
    match query:
        case StreamQuery(from_global=None):
            position = _bounded(query.position)
            return "stream_page", (query.stream, forward, position, upto, query.type)
        case StreamQuery():
            position = _bounded(query.from_global)
            return "stream_page_from_global", (query.stream, forward, position, upto, query.type)
        case CategoryQuery():
            member, size = query.group or (None, None)
            return "category_page", (
                query.category,
                forward,
                _bounded(query.position),
                upto,
                query.type,
                query.correlation,
                member,
                size,
            )
        case AllQuery():
            return "all_page", (forward, _bounded(query.position), upto, query.type)


def _bounded(position: int | None) -> int | None:
    return None if position is None else max(_MIN, min(position, _MAX))


async def last(
    session: Session, queries: NamespaceQueries, stream: str, message_type: str | None
) -> bytes | None:
    """Return the JSON row of a stream's last message (of that type)."""
    row: str | None = await session.value(queries["last_message"], stream, message_type)
    return None if row is None else row.encode()


async def version(session: Session, queries: NamespaceQueries, stream: str) -> int | None:
    """Return a stream's last position."""
    position: int | None = await session.value(queries["stream_version"], stream)
    return position


async def head(session: Session, queries: NamespaceQueries) -> int:
    """Return the highest global position that is visible."""
    position: int = await session.value(queries["head"])
    return position


async def pokes(  # noqa: PLR0917  (called through the pool, which passes positions)
    session: Session,
    queries: NamespaceQueries,
    follow: Follow,
    after: int,
    limit: int,
    settled: int,
) -> PokePage:
    """Read the next notices (see `NamespaceStore.pokes`).

    `settled`: the settled head, known before this read began. Notices of everything go no further.
    Those of a stream or a category do: its messages become visible in order. But as far as the
    others are concerned, such a read has come to its last notice only, not to the head: below it,
    a message of this category may still become visible that nobody of it overtook.
    """
    after = min(after, _MAX - 1)
    # The head is read first; what comes above it meanwhile is left to the next read.
    end = settled if follow.kind == "all" else await head(session, queries)
    top = max(end, after)
    scanned = after
    while True:
        # A stream's index holds nothing but its own messages; the others skip what they filter out.
        bound = top
        if follow.kind != "stream" and top - scanned > POKES_WINDOW:
            # The window begins at a message: imports may leave wide gaps.
            first = await session.value(queries["next_global_position"], scanned)
            bound = min(top, max(first - 1, scanned) + POKES_WINDOW)
        name, arguments = _poke_plan(follow, scanned, bound, limit)
        rows = await session.fetch(queries[name], *arguments)
        if rows or bound >= top or bound <= settled:
            break
        scanned = bound  # above the settled head no progress can be reported
    found = tuple(Poke(*row) for row in rows)
    if len(found) == limit:
        return PokePage(found, found[-1].global_position, more=True)
    safe = max(min(bound, settled), after)
    upto = max(found[-1].global_position, safe) if found else safe
    return PokePage(found, upto, more=bound < top)


def _poke_plan(follow: Follow, after: int, bound: int, limit: int) -> tuple[str, tuple[Any, ...]]:
    """Choose the named query and its arguments."""
    match follow.kind:
        case "stream":
            first = min(follow.min_position, _MAX)
            return "stream_pokes", (follow.name, first, after, bound, limit)
        case "category":
            member, size = follow.group or (None, None)
            filters = (follow.correlation, member, size)
            return "category_pokes", (follow.name, after, bound, *filters, limit)
        case "all":
            return "all_pokes", (after, bound, limit)


async def message_count(session: Session, queries: NamespaceQueries) -> int:
    """Count messages."""
    count: int = await session.value(queries["message_count"])
    return count


async def stats(session: Session, queries: NamespaceQueries) -> NamespaceStats:
    """Count messages and streams."""
    row = await session.row(queries["namespace_info"])
    return NamespaceStats(
        row["message_count"], row["stream_count"], row["head"], row["last_activity"]
    )


async def streams(
    session: Session, queries: NamespaceQueries, prefix: str, after: str, limit: int
) -> list[StreamInfo]:
    """List streams by code point order."""
    return [
        StreamInfo(*row)
        for row in await session.fetch(queries["stream_list"], prefix, after, limit)
    ]


async def categories(session: Session, queries: NamespaceQueries) -> list[CategoryInfo]:
    """Count streams and messages by category."""
    return [CategoryInfo(*row) for row in await session.fetch(queries["category_list"])]
