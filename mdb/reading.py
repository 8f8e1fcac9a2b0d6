"""The reading side of a namespace: messages by stream, by category, all of them; and what is there.

Reads do not pass through the queue of writes, and see every write that was answered.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from mdb.core import names
from mdb.core.errors import InvalidRequest
from mdb.core.messages import (
    DEFAULT_BATCH_SIZE,
    MAX_BATCH_SIZE,
    AllQuery,
    CategoryInfo,
    CategoryQuery,
    Page,
    Query,
    StreamQuery,
)
from mdb.message import CategoryMessage, StreamMessage, StreamSummary
from mdb.stores.base import NamespaceStore

MAX_LISTED: Final = 1000
"""Streams in one page of a listing."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_stream_messages = msgspec.json.Decoder(list[StreamMessage]).decode
_category_messages = msgspec.json.Decoder(list[CategoryMessage]).decode


class Reading:
    """What `Namespace` can read. Every method may be cancelled and leaves nothing behind.

    Raises `InvalidRequest`, and `BackendUnavailable` where the database cannot be reached.
    """

    store: NamespaceStore

    async def get(
        self,
        stream: str,
        *,
        position: int | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        backward: bool = False,
        type: str | None = None,  # noqa: A002  (the field's standard name)
    ) -> list[StreamMessage]:
        """Read a stream from a position, inclusive (default its beginning, or end if backward).

        `batch_size`: at most how many messages, 0 to 10,000.
        """
        names.check_stream_name(stream, "stream")
        query = StreamQuery(stream, position=position, backward=backward, type=type)
        return _stream_messages(await self._rows(query, batch_size))

    async def category(
        self,
        category: str,
        *,
        position: int | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        backward: bool = False,
        type: str | None = None,  # noqa: A002
        correlation: str | None = None,
        consumer_group: tuple[int, int] | None = None,
    ) -> list[CategoryMessage]:
        """Read a category from a global position, inclusive.

        `consumer_group` is (member, size): the part of the streams that is this member's.
        """
        names.check_category(category, "category")
        query = CategoryQuery(
            category,
            position=position,
            backward=backward,
            type=type,
            correlation=correlation,
            group=consumer_group,
        )
        return _category_messages(await self._rows(query, batch_size))

    async def get_all(
        self,
        *,
        position: int | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        backward: bool = False,
        type: str | None = None,  # noqa: A002
    ) -> list[CategoryMessage]:
        """Read the whole namespace from a global position, inclusive, as `category` does."""
        query = AllQuery(position=position, backward=backward, type=type)
        return _category_messages(await self._rows(query, batch_size))

    async def last(self, stream: str, type: str | None = None) -> StreamMessage | None:  # noqa: A002
        """Read a stream's last message (of that type), or None."""
        row = await self.store.last(stream, type)
        return None if row is None else msgspec.json.decode(row, type=StreamMessage)

    async def version(self, stream: str) -> int | None:
        """Return the position of a stream's last message, or None where it has none."""
        return await self.store.version(stream)

    async def streams(
        self, prefix: str = "", *, after: str = "", limit: int = 100
    ) -> list[StreamSummary]:
        """List the streams whose names begin with `prefix`, by code point order of the names.

        `after`: only those above this name, for the next page. `limit`: 1 to 1000.
        """
        if not 1 <= limit <= MAX_LISTED:
            raise InvalidRequest(f"limit must be from 1 to {MAX_LISTED}", path="limit")
        if "\0" in prefix + after:
            raise InvalidRequest("no stream name holds U+0000", path="prefix")
        return [
            StreamSummary(found.stream, found.version, _datetime(found.last_activity))
            for found in await self.store.streams(prefix, after, limit)
        ]

    async def categories(self) -> list[CategoryInfo]:
        """List the categories by name, with how many streams and messages each holds.

        Counts them all: its cost grows with the namespace.
        """
        return list(await self.store.categories())

    async def _rows(self, query: Query, limit: int) -> bytes:
        if not 0 <= limit <= MAX_BATCH_SIZE:
            raise InvalidRequest(f"batch_size must be from 0 to {MAX_BATCH_SIZE}")
        parts: list[bytes] = []
        following: Query | None = query
        rest: int | None = limit
        while following is not None:
            page, following, rest = await self.page(following, rest)
            parts.append(page)
        return b"[" + b",".join(part for part in parts if part) + b"]"

    async def page(self, query: Query, limit: int | None) -> tuple[bytes, Query | None, int | None]:
        """Read the next page of an answer that may be larger than one.

        `limit`: how many messages are still wanted, None for all up to the head as it stands at
        the first call. Returns the rows, the query that goes on from there (None: that was all),
        and what is still wanted.
        """
        if limit == 0:
            return b"", None, 0
        if limit is None and query.upto is None:
            query = msgspec.structs.replace(query, upto=await self.store.head())
        page = await self.store.read(query, MAX_BATCH_SIZE if limit is None else limit)
        rest = None if limit is None else limit - page.count
        if not page.more or rest == 0:
            return page.rows, None, 0
        return page.rows, _after(query, page), rest


def _after(query: Query, page: Page) -> Query:
    step = -1 if query.backward else 1
    if isinstance(query, StreamQuery):
        return msgspec.structs.replace(query, position=page.last + step, from_global=None)
    return msgspec.structs.replace(query, position=page.last + step)


def _datetime(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
