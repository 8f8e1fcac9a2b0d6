"""Pages of messages: plain functions on one connection.

Messages come out of SQLite as their JSON text, many in one row: each step to another row would let
go of the interpreter's lock and have to get it back from a busy event loop. Every query goes along
an index in the order of its answer and stops at its limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import apsw

from mdb.core.messages import AllQuery, CategoryQuery, Page, Query, StreamQuery
from mdb.stores.base import PAGE_BYTES
from mdb.stores.queries import load
from mdb.stores.sqlite.reads import first_above

_SQL = load("mdb.stores.sqlite")

_PAGES = {
    f"{kind}_{direction}": f"WITH page AS ({_SQL[f'{kind}_{direction}']}) {_SQL[shape]}"
    for kind, shape in (("stream", "stream_page"), ("category", "wide_page"), ("all", "wide_page"))
    for direction in ("forward", "backward")
}

# The largest position; stands for "the end" going backward, and for "no upper bound".
_END = 2**63 - 1

# Messages that one statement reads at most: enough to make its own cost small, few enough to be
# read again in parts where they turn out to be too large for a page.
_STEP = 256

# By how much that number falls then.
_SMALLER = 16

# Bytes that a step may take though the page is nearly full: SQLite, too, needs a few for itself.
_LEAST = 1 << 16

# What a small page holds at most, in messages and in bytes: some 0.2 ms of work.
_SMALL = 100
_SMALL_BYTES = 1 << 16


def read(db: apsw.Connection, query: Query, limit: int) -> Page:
    """Read one page (see `NamespaceStore.read`)."""
    sql, arguments = _plan(db, query)
    texts: list[bytes] = []
    count, size, last, step = 0, 0, 0, _STEP
    while True:
        step = min(step, limit - count)
        # One message is read whatever its size.
        room = None if step == 1 else max(PAGE_BYTES - size, _LEAST)
        try:
            found, low, high, text = _step(db, sql, {**arguments, "limit": step}, room)
        except apsw.TooBigError:
            if room is None:
                raise
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


def is_bounded(query: Query, limit: int) -> bool:
    """Whether `read_small` may be tried: it skips no messages on its way, and may well suffice."""
    if query.type is not None or query.upto is not None:
        return False
    match query:
        case StreamQuery():
            # Most streams are short, whatever limit comes with the question.
            return True
        case CategoryQuery():
            return limit <= _SMALL and query.group is None and query.correlation is None
        case AllQuery():
            return limit <= _SMALL


def read_small(db: apsw.Connection, query: Query, limit: int) -> Page | None:
    """Read a page as `read` does if it is small; otherwise return None after a bounded effort."""
    sql, arguments = _plan(db, query)
    step = min(limit, _SMALL)
    try:
        found, low, high, text = _step(db, sql, {**arguments, "limit": step}, _SMALL_BYTES)
    except apsw.TooBigError:
        return None
    if not found:
        return Page(b"", 0, 0, more=False)
    if found == step < limit:
        return None
    return Page(text, found, low if query.backward else high, more=found == step)


def _step(
    db: apsw.Connection, sql: str, arguments: Mapping[str, Any], room: int | None
) -> tuple[int, int, int, bytes]:
    """Read some messages: how many, their lowest and highest cursor, their JSON.

    Raises `apsw.TooBigError` where that would be more than `room` bytes.
    """
    if room is None:
        return _only(db, sql, arguments)
    # SQLite gives up on a text, or a row, as soon as it becomes longer than this.
    before = db.limit(apsw.SQLITE_LIMIT_LENGTH, room)
    try:
        return _only(db, sql, arguments)
    finally:
        db.limit(apsw.SQLITE_LIMIT_LENGTH, before)


def _only(
    db: apsw.Connection, sql: str, arguments: Mapping[str, Any]
) -> tuple[int, int, int, bytes]:
    row: tuple[int, int, int, bytes] | None = db.execute(sql, arguments).fetchone()
    assert row is not None, sql
    return row


def _plan(db: apsw.Connection, query: Query) -> tuple[str, dict[str, Any]]:
    """Choose the query and its arguments."""
    direction = "backward" if query.backward else "forward"
    arguments: dict[str, Any] = {
        "type": query.type,
        "upto": _END if query.upto is None else query.upto,
    }
    match query:
        case StreamQuery():
            kind = "stream"
            arguments["stream"] = query.stream
            arguments["position"] = _stream_position(db, query)
        case CategoryQuery():
            kind = "category"
            arguments["category"] = query.category
            arguments["position"] = _position(query)
            arguments["member"], arguments["size"] = query.group or (None, None)
            arguments["correlation"] = query.correlation
        case AllQuery():
            kind = "all"
            arguments["position"] = _position(query)
    return _PAGES[f"{kind}_{direction}"], arguments


def _position(query: Query) -> int:
    if query.position is None:
        return _END if query.backward else 0
    return query.position


def _stream_position(db: apsw.Connection, query: StreamQuery) -> int:
    if query.from_global is None:
        return _position(query)
    if query.backward:
        return first_above(db, query.stream, query.from_global) - 1
    return first_above(db, query.stream, query.from_global - 1)
