"""The read side but for pages: plain functions on one connection.

Every query here goes along an index in the order of its answer and stops at its limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw

from mdb.core.messages import (
    CategoryInfo,
    Follow,
    NamespaceStats,
    Poke,
    PokePage,
    StreamInfo,
)
from mdb.core.names import category
from mdb.stores.base import POKES_WINDOW
from mdb.stores.queries import load

_SQL = load("mdb.stores.sqlite")


def _row(db: apsw.Connection, name: str, *arguments: str | int) -> tuple[Any, ...]:
    """Run a named query that always has a row."""
    row: tuple[Any, ...] | None = db.execute(_SQL[name], arguments).fetchone()
    assert row is not None, name
    return row


def first_above(db: apsw.Connection, stream: str, global_position: int) -> int:
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
            first = first_above(db, follow.name, after)
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
