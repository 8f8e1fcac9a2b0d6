"""Pages of an export: asyncio functions on one session."""

from __future__ import annotations

from datetime import datetime, timedelta

from mdb.core.messages import ExportPage, Selection, StoredMessage
from mdb.stores.base import PAGE_BYTES
from mdb.stores.postgres.session import Row, Session
from mdb.stores.postgres.sql import NamespaceQueries

_EPOCH = datetime(1970, 1, 1)  # naive, as the column is; UTC
_MICROSECOND = timedelta(microseconds=1)


def to_datetime(time: int) -> datetime:
    """Make microseconds since 1970 what the driver takes for a column without time zone."""
    return _EPOCH + timedelta(microseconds=time)


async def export_page(
    session: Session,
    queries: NamespaceQueries,
    selection: Selection,
    span: tuple[int, int],
    limit: int,
) -> ExportPage:
    """Read one page (see `NamespaceStore.export_page`). `span`: above the first, up to the last."""
    after, upto = span
    found = await session.fetch(
        queries["export_page"],
        after,
        upto,
        None if selection.categories is None else list(selection.categories),
        None if selection.since is None else to_datetime(selection.since),
        None if selection.until is None else to_datetime(selection.until),
        limit,
        PAGE_BYTES,
    )
    if not found:
        return ExportPage((), max(after, upto), more=False)
    last: int = found[-1][0]
    # The last row may only say how far the page has looked.
    messages = tuple(to_message(row) for row in found if row[1] is not None)
    return ExportPage(messages, last, more=last < upto)


def to_message(row: Row) -> StoredMessage:
    """Make a message of a row: JSON as text, in the order of columns of `export_page`."""
    global_position, message_id, stream, message_type, position, data, metadata, time = row
    return StoredMessage(
        message_id.bytes,
        stream,
        message_type,
        position,
        global_position,
        b"null" if data is None else data.encode(),
        None if metadata is None else metadata.encode(),
        (time - _EPOCH) // _MICROSECOND,
    )
