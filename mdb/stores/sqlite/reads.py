"""The read side: plain functions on one connection, run in a worker.

Messages come out of SQLite as their JSON text, many in one row. Every query here goes along an
index in the order of its answer and stops at its limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import apsw

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
from mdb.core.names import category
from mdb.stores.base import PAGE_BYTES, POKES_WINDOW
from mdb.stores.queries import load

_SQL = load("mdb.stores.sqlite")

# A page is an aggregate over its messages: each step to another row would let go of the
# interpreter's lock and have to get it back from a busy event loop.
_PAGES = {
    f"{kind}_{direction}": f"WITH page AS ({_SQL[f'{kind}_{direction}']}) {_SQL[shape]}"
    for kind, shape in (("stream", "stream_page"), ("category", "wide_page"), ("all", "wide_page"))
    for direction in ("forward", "backward")
}

# The largest position; stands for "the end" going backward, and for "no upper bound".
END = 2**63 - 1

# Messages that one statement reads at most: enough to make its own cost small, few enough to be
# read again in parts where they turn out to be too large for a page.
_STEP = 256

# By how much that number falls then.
_SMALLER = 16

# Bytes that a step may take though the page is nearly full: SQLite, too, needs a few for itself.
_LEAST = 1 << 16


def _row(db: apsw.Connection, name: str, *arguments: str | int) -> tuple[Any, ...]:
    """Run a named query that always has a row."""
    return _only(db, _SQL[name], arguments)


def _only(db: apsw.Connection, sql: str, arguments: apsw.Bindings) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = db.execute(sql, arguments).fetchone()
    assert row is not None, sql
    return row


def read(db: apsw.Connection, query: Query, limit: int) -> Page:
    """Read one page (see `NamespaceStore.read`)."""
    sql, arguments = _plan(db, query)
    texts: list[bytes] = []
    count, size, last, step = 0, 0, 0, _STEP
    while True:
        step = min(step, limit - count)
        try:
            found, low, high, text = _step(db, sql, {**arguments, "limit": step}, size)
        except apsw.TooBigError:
            step = max(step // _SMALLER, 1)
            continue
        if found:
            count, size, last = count + found, size + len(text), low if query.backward else high
            texts.append(text)
        if found < step:
            return Page(b",".join(texts), count, last, more=False)
        if count == limit or size >= PAGE_BYTES:
            return Page(b",".join(texts), count, last, more=True)
        arguments["position"] = last + (-1 if query.backward else 1)


def _step(
    db: apsw.Connection, sql: str, arguments: Mapping[str, Any], size: int
) -> tuple[int, int, int, bytes]:
    """Read messages of a page that holds `size` bytes so far: count, lowest, highest, JSON.

    Raises `apsw.TooBigError` for more than one message where they would go past the page's end.
    """
    if arguments["limit"] == 1:
        return _only(db, sql, arguments)
    bound = db.limit(apsw.SQLITE_LIMIT_LENGTH, max(PAGE_BYTES - size, _LEAST))
    try:
        return _only(db, sql, arguments)
    finally:
        db.limit(apsw.SQLITE_LIMIT_LENGTH, bound)


def _plan(db: apsw.Connection, query: Query) -> tuple[str, dict[str, Any]]:
    """Choose the query and its arguments."""
    direction = "backward" if query.backward else "forward"
    bounds = {"type": query.type, "upto": END if query.upto is None else query.upto}
    match query:
        case StreamQuery():
            position = _stream_position(db, query)
            return _PAGES[f"stream_{direction}"], {
                "stream": query.stream,
                "position": position,
                **bounds,
            }
        case CategoryQuery():
            member, size = query.group or (None, None)
            return _PAGES[f"category_{direction}"], {
                "category": query.category,
                "position": _position(query),
                "member": member,
                "size": size,
                "correlation": query.correlation,
                **bounds,
            }
        case AllQuery():
            return _PAGES[f"all_{direction}"], {"position": _position(query), **bounds}


def _position(query: StreamQuery | CategoryQuery | AllQuery) -> int:
    if query.position is None:
        return END if query.backward else 0
    return query.position


def _stream_position(db: apsw.Connection, query: StreamQuery) -> int:
    if query.from_global is None:
        return _position(query)
    if query.backward:
        return _first_above(db, query.stream, query.from_global) - 1
    return _first_above(db, query.stream, query.from_global - 1)


def _first_above(db: apsw.Connection, stream: str, global_position: int) -> int:
    """Return the position of the stream's first message above a global position, or of the next.

    A stream's global positions rise with its positions, so this is a binary search over the
    stream's index: twenty look-ups in a stream of a million messages.
    """
    row = db.execute(_SQL["stream_version"], (stream,)).fetchone()
    low, high = 0, 0 if row is None else row[0] + 1
    while low < high:
        middle = (low + high) // 2
        if _row(db, "stream_step", stream, middle)[1] > global_position:
            high = middle
        else:
            low = middle + 1
    return low


def last(db: apsw.Connection, stream: str, message_type: str | None) -> bytes | None:
    """Return the JSON row of a stream's last message (of that type)."""
    return read(db, StreamQuery(stream, backward=True, type=message_type), 1).rows or None


def version(db: apsw.Connection, stream: str) -> int | None:
    """Return a stream's last position."""
    row = db.execute(_SQL["stream_version"], (stream,)).fetchone()
    return None if row is None else row[0]


def head(db: apsw.Connection) -> int:
    """Return the highest global position; commits are in its order, so nothing comes below it."""
    found: int = _row(db, "head")[0]
    return found


def pokes(db: apsw.Connection, follow: Follow, after: int, limit: int) -> PokePage:
    """Read the next notices (see `NamespaceStore.pokes`)."""
    # The head is read first: what is at or below it stays as it is, so that the two statements
    # need no common transaction.
    top = max(head(db), after)
    # A stream's index holds nothing but its own messages; the others skip what they filter out.
    bound = top if follow.kind == "stream" else _window_end(db, after, top)
    arguments: dict[str, Any] = {"after": after, "upto": bound, "limit": limit}
    match follow.kind:
        case "stream":
            arguments["stream"] = follow.name
            first = _first_above(db, follow.name, after)
            arguments["position"] = max(first, follow.min_position)
        case "category":
            arguments["category"] = follow.name
            arguments["member"], arguments["size"] = follow.group or (None, None)
            arguments["correlation"] = follow.correlation
        case "all":
            pass
    rows = db.execute(_SQL[f"pokes_{follow.kind}"], arguments)
    found = tuple(Poke(*row) for row in rows)
    upto = found[-1].global_position if len(found) == limit else bound
    return PokePage(found, upto, more=upto < top)


def _window_end(db: apsw.Connection, after: int, top: int) -> int:
    """Return how far one read goes. Its window begins at a message: imports may leave wide gaps."""
    if top - after <= POKES_WINDOW:
        return top
    first: int = _row(db, "next_position", after)[0]
    return min(top, first - 1 + POKES_WINDOW)


def message_count(db: apsw.Connection) -> int:
    """Count messages."""
    count: int = _row(db, "message_count")[0]
    return count


def stats(db: apsw.Connection) -> NamespaceStats:
    """Count messages and streams."""
    newest = db.execute(_SQL["last_activity"]).fetchone()
    stream_count = sum(1 for _ in _names(db, ""))
    return NamespaceStats(
        message_count(db), stream_count, head(db), None if newest is None else newest[0]
    )


def _names(db: apsw.Connection, after: str) -> Iterator[str]:
    """Walk the stream names above `after`: one index look-up a stream, not one a message."""
    while row := db.execute(_SQL["stream_next"], (after,)).fetchone():
        after = row[0]
        yield after


def streams(db: apsw.Connection, prefix: str, after: str, limit: int) -> list[StreamInfo]:
    """List streams by code point order, which is SQLite's order of UTF-8 bytes."""
    found: list[StreamInfo] = []
    if after < prefix:
        exact = db.execute(_SQL["stream_summary"], (prefix,)).fetchone()
        if exact is not None:
            found.append(StreamInfo(prefix, *exact))
    for name in _names(db, max(prefix, after)):
        if len(found) >= limit or not name.startswith(prefix):
            break
        found.append(StreamInfo(name, *_row(db, "stream_summary", name)))
    return found[:limit]


def categories(db: apsw.Connection) -> list[CategoryInfo]:
    """Count streams and messages by category."""
    counts: dict[str, list[int]] = {}
    for name in _names(db, ""):
        entry = counts.setdefault(category(name), [0, 0])
        entry[0] += 1
        entry[1] += _row(db, "stream_count", name)[0]
    return [CategoryInfo(name, *counts[name]) for name in sorted(counts)]
