"""A connection as Hypercorn gets it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import trio

from mdb.http.connection import Connection

# Where an application finds the connection in the state that Hypercorn passes on to it.
_STATE: Final = "mdb.connection"


def connection_state(connection: Connection) -> dict[str, object]:
    """Return what an application is to know of the connection."""
    return {_STATE: connection}


def chunked_connection(scope: Mapping[str, Any]) -> Connection | None:
    """Return the connection of an ASGI request whose answer of unknown length is chunked.

    Once such an answer has begun and until it ends, nobody else sends on it, and whole chunks may
    be sent directly. None for HTTP/2 and HTTP/1.0, and where the server is not ours.
    """
    if scope.get("http_version") != "1.1":
        return None
    connection: Connection | None = scope.get("state", {}).get(_STATE)
    return connection


def multiplexed_connection(scope: Mapping[str, Any]) -> Connection | None:
    """Return the connection of an ASGI request over HTTP/2, None for others.

    A client may leave one stream of it unread, while it reads all there is to read on the socket.
    """
    if scope.get("http_version") != "2":
        return None
    connection: Connection | None = scope.get("state", {}).get(_STATE)
    return connection


class HandedStream:
    """A client's stream for Hypercorn's ``TCPServer``, plain or TLS.

    Adds three things to the stream it stands for: the bytes that were already read come first;
    a client that takes no byte for the send timeout is cut off (Hypercorn shields its sends from
    cancellation and gives them no bound); and so is one that holds up the end of TLS.

    Everything else is the stream's own: Hypercorn tells plain from TLS by the attributes it
    finds. To be used where one task sends and one receives.
    """

    def __init__(
        self,
        connection: Connection,
        first: bytes,
        *,
        when_read: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Stand for the stream of ``connection``.

        Args:
            connection: Whose stream, and whose deadline.
            first: What was read from it before.
            when_read: Called once, when Hypercorn has dealt with ``first`` and asks for more.
        """
        self._connection = connection
        self._first = first
        self._when_read = when_read

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (whatever the stream has)
        return getattr(self._connection.stream, name)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return what was read before, then what the client sends."""
        if self._first:
            size = len(self._first) if max_bytes is None else max_bytes
            data, self._first = self._first[:size], self._first[size:]
            await trio.lowlevel.checkpoint()
            return data
        if self._when_read is not None:
            when_read, self._when_read = self._when_read, None
            await when_read()
        return bytes(await self._connection.stream.receive_some(max_bytes))

    async def send_all(self, data: bytes) -> None:
        """Send, with the send timeout as bound.

        Raises:
            trio.BrokenResourceError, trio.ClosedResourceError: The connection is lost.
        """
        await self._connection.send(data)

    async def aclose(self) -> None:
        """Close; over TLS that sends, so it is bounded like a send."""
        await self._connection.close()
