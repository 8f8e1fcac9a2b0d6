"""Pages of an export: plain functions on one connection, run in a worker."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import apsw

from mdb.core.messages import ExportPage, Selection, StoredMessage
from mdb.stores.base import PAGE_BYTES
from mdb.stores.queries import load

_SQL = load("mdb.stores.sqlite")

# What `export_all` returns.
_Row: TypeAlias = tuple[int, bytes, str, str, int, str, str | None, int]


def export_page(
    db: apsw.Connection, selection: Selection, after: int, upto: int, limit: int
) -> ExportPage:
    """Read one page (see `NamespaceStore.export_page`)."""
    if selection.categories is None:
        rows: Iterable[_Row] = db.execute(_SQL["export_all"], (after, upto, limit))
    else:
        rows = _of_categories(db, selection.categories, after, upto, limit)
    found: list[StoredMessage] = []
    looked, size = 0, 0
    for row in rows:
        looked, after = looked + 1, row[0]
        if _is_of_its_time(selection, row[7]):
            message = _message(row)
            found.append(message)
            size += len(message.data) + len(message.metadata or b"")
            if size >= PAGE_BYTES:
                return ExportPage(tuple(found), after, more=True)
    more = looked == limit
    return ExportPage(tuple(found), after if more else max(after, upto), more)


def _of_categories(
    db: apsw.Connection, categories: Sequence[str], after: int, upto: int, limit: int
) -> Iterator[_Row]:
    """Merge the categories: each is an index range, and only what the page holds is fetched."""
    ranges = [
        [row[0] for row in db.execute(_SQL["export_positions"], (category, after, upto, limit))]
        for category in categories
    ]
    positions = heapq.merge(*ranges)
    for position in [p for p, _ in zip(positions, range(limit), strict=False)]:
        yield from db.execute(_SQL["export_all"], (position - 1, position, 1))


def _is_of_its_time(selection: Selection, time: int) -> bool:
    if selection.since is not None and time < selection.since:
        return False
    return selection.until is None or time < selection.until


def _message(row: _Row) -> StoredMessage:
    global_position, message_id, stream, message_type, position, data, metadata, time = row
    return StoredMessage(
        message_id,
        stream,
        message_type,
        position,
        global_position,
        data.encode(),
        None if metadata is None else metadata.encode(),
        time,
    )
