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


async def settled_head(session: Session, queries: NamespaceQueries) -> int:
    """Return the global position up to which nothing that is not there yet will come to be.

    All that is written under the namespace's lock is committed in the order of its positions, so
    it is the highest that is visible. (A row inserted past the lock could still fill a gap below.)
    """
    position: int = await session.value(queries["head"])
    return position


async def pokes(
    session: Session, queries: NamespaceQueries, follow: Follow, after: int, limit: int
) -> PokePage:
    """Read the next notices (see `NamespaceStore.pokes`)."""
    after = min(after, _MAX - 1)
    # The head is read first: what is at or below it stays as it is, so that the two statements
    # need no common snapshot.
    top = max(await settled_head(session, queries), after)
    # A stream's index holds nothing but its own messages; the others skip what they filter out.
    bound = top
    if follow.kind != "stream" and top - after > POKES_WINDOW:
        # The window begins at a message: imports may leave wide gaps.
        first = await session.value(queries["next_global_position"], after)
        bound = min(top, first - 1 + POKES_WINDOW)
    arguments: tuple[Any, ...]
    match follow.kind:
        case "stream":
            arguments = (follow.name, min(follow.min_position, _MAX), after, bound, limit)
        case "category":
            member, size = follow.group or (None, None)
            arguments = (follow.name, after, bound, follow.correlation, member, size, limit)
        case "all":
            arguments = (after, bound, limit)
    rows = await session.fetch(queries[f"{follow.kind}_pokes"], *arguments)
    found = tuple(Poke(*row) for row in rows)
    upto = found[-1].global_position if len(found) == limit else bound
    return PokePage(found, upto, more=upto < top)


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
