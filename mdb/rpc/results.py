"""Results as JSON bytes, and the types that the API document shows for them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import msgspec

from mdb.core.ids import format_uuid
from mdb.core.messages import Append, Query, Written
from mdb.namespace import Namespace

encode = msgspec.json.encode


class WriteResult(msgspec.Struct):
    """Where a message was written."""

    position: int
    globalPosition: int
    id: str


def written_one(append: Append, written: Written) -> bytes:
    """Encode the result of a single write."""
    position, global_position = written.positions[0]
    return b'{"position":%d,"globalPosition":%d,"id":"%b"}' % (
        position,
        global_position,
        format_uuid(append.messages[0].id).encode(),
    )


class ReadBody:
    """The answer of a read that is larger than a page: read and sent page by page.

    Nothing is held open between pages: each is a read of its own from where the last ended,
    bounded above by the head as it stood at the start where all was asked for.
    """

    def __init__(self, namespace: Namespace, query: Query, first: bytes, rest: int | None) -> None:
        """`first`: the rows read already. `query`, `rest`: what is still to be read."""
        self._namespace = namespace
        self._query = query
        self._first = first
        self._rest = rest

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the array's text."""
        yield b"[" + self._first
        query: Query | None = self._query
        rest = self._rest
        while query is not None:
            page, query, rest = await self._namespace.page(query, rest)
            if page:
                yield b"," + page
        yield b"]"


async def read_result(namespace: Namespace, query: Query, limit: int | None) -> bytes | ReadBody:
    """Read the answer's first page, and all of it if that is all.

    `limit` None: everything up to the present head.
    """
    page, following, rest = await namespace.page(query, limit)
    if following is None:
        return b"[" + page + b"]"
    return ReadBody(namespace, following, page, rest)


def joined(parts: Sequence[bytes]) -> bytes:
    """Make a JSON array of JSON texts."""
    return b"[" + b",".join(parts) + b"]"
