"""Results as JSON bytes, and the types that the API document shows for them."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec
import trio

from mdb.core.errors import DeadlinePassed
from mdb.core.messages import Query
from mdb.namespace import Namespace
from mdb.rpc.context import Context
from mdb.rpc.limits import PAGE_TIMEOUT

encode = msgspec.json.encode


class WriteResult(msgspec.Struct, frozen=True, gc=False):
    """Where a message was written."""

    position: int
    globalPosition: int
    id: str


class ReadBody:
    """The answer of a read that is larger than a page: read and sent page by page.

    Nothing is held open between pages: each is a read of its own from where the last ended,
    bounded above by the head as it stood at the start where all was asked for.
    """

    def __init__(self, namespace: Namespace, query: Query, first: bytes, rest: int | None) -> None:
        """`first`: the rows read already. `query`, `rest`: what is still to be read."""
        self._namespace = namespace
        self._query: Query | None = query
        self._first: bytes | None = b"[" + first
        self._rest = rest
        self._ended = False

    async def next(self) -> bytes | None:
        """Return the next piece of the array's text, which may be empty; None after the last.

        Raises what the read raises, `DeadlinePassed` where a page takes too long.
        """
        if self._first is not None:
            first, self._first = self._first, None
            return first
        if self._query is not None:
            with trio.move_on_after(PAGE_TIMEOUT):
                page, self._query, self._rest = await self._namespace.page(self._query, self._rest)
                return b"," + page if page else b""
            raise DeadlinePassed("a page could not be read in time")
        if self._ended:
            return None
        self._ended = True
        return b"]"

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the array's text."""
        while (piece := await self.next()) is not None:
            yield piece


async def read(context: Context, query: Query, limit: int | None) -> bytes | ReadBody:
    """Read the answer's first page, and all of it if that is all: the handler of every read.

    `limit` None: everything up to the present head.
    """
    page, following, rest = await context.namespace.page(query, limit)
    if following is None:
        return b"[" + page + b"]"
    return ReadBody(context.namespace, following, page, rest)
