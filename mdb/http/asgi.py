"""Quart-Trio on Hypercorn: where the two do not fit."""

from typing import Any, Final

import trio
from hypercorn.typing import (
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
)
from quart import Request
from quart_trio.asgi import TrioASGIHTTPConnection
from quart_trio.wrappers.request import TrioBody

from mdb.http.connection import Connection
from mdb.http.handed import multiplexed_connection

# Longer than any send of the server may take: its own limit ends it first.
_SHIELD_SECONDS: Final = 60.0


# Paths whose requests are read while they arrive.
STREAMED: Final = frozenset(("/import",))

# Bytes of such a request that may wait to be read.
_WAITING_BYTES: Final = 256 * 1024


class StreamedBody(TrioBody):
    """The body of a request of any size: what arrives waits until there is room for it.

    Quart's own takes in all that the server has, however slowly it is read, and refuses what is
    longer than a limit.
    """

    def __init__(self) -> None:
        """No limit but that of what waits."""
        super().__init__(None, None)
        self._read = trio.Event()

    async def __anext__(self) -> bytes:
        """Return what has arrived. Cancelled, nothing of it is lost."""
        data = await super().__anext__()
        self._read.set()
        return data

    async def room(self) -> None:
        """Wait until little enough is waiting."""
        while len(self._data) > _WAITING_BYTES:
            self._read = trio.Event()
            await self._read.wait()


class _MultiplexedAnswer:
    """An answer over HTTP/2, for which Hypercorn does less than over HTTP/1.

    What its client makes no room for it keeps, however much that becomes: here the next piece waits
    until the last one is on its way, and who takes nothing for the send timeout is cut off. And of
    an answer that broke off it tells nobody: the client, which would wait for the rest for ever, is
    cut off, too.
    """

    def __init__(
        self,
        connection: Connection,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        waiting: Any,  # noqa: ANN401  (Hypercorn's own)
    ) -> None:
        """`waiting`: what Hypercorn keeps of it, see `_unsent`."""
        self._connection = connection
        self._receive = receive
        self._send = send
        self._waiting = waiting
        self._incomplete = False

    async def receive(self) -> ASGIReceiveEvent:
        """Receive; a client that is gone needs to be told nothing."""
        event = await self._receive()
        if event["type"] == "http.disconnect":
            self._incomplete = False
        return event

    async def send(self, message: ASGISendEvent) -> None:
        """Send, and wait until it is on its way."""
        self._incomplete = True
        await self._send(message)
        if message["type"] != "http.response.body":
            return
        if not message.get("more_body", False):
            self._incomplete = False
            return
        while size := len(self._waiting.buffer):
            with trio.move_on_after(self._connection.limits.send_timeout):
                await self._waiting.drain()
            if len(self._waiting.buffer) == size:
                self._connection.abort()
                await trio.sleep(_SHIELD_SECONDS)  # until that is noticed

    def end(self) -> None:
        """Cut the connection off where the answer broke off."""
        if self._incomplete:
            self._connection.abort()


def _unsent(send: ASGISendCallable) -> Any:  # noqa: ANN401  (Hypercorn's own)
    """Return what Hypercorn keeps to be sent on a stream of HTTP/2, None where that has ended."""
    stream = send.__self__  # type: ignore[attr-defined]
    return stream.send.__self__.stream_buffers.get(stream.stream_id)


class KeepAliveConnection(TrioASGIHTTPConnection):
    """One request of a QuartTrio application, whose last send is let finish.

    Set it as the application's ``asgi_http_class``.

    When an answer is complete Hypercorn tells the application that the client is gone, and
    Quart-Trio then cancels the task that is still inside that last send. What Hypercorn does at
    its end is lost with it: to start the keep-alive timer, or to close the connection after
    ``Connection: close``. Idle connections then stay for ever, and stopping the server takes all
    of its grace.
    """

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve the request; returns when its answer is sent or its client is gone."""

        async def send_last_undisturbed(message: ASGISendEvent) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                with trio.move_on_after(_SHIELD_SECONDS, shield=True):
                    await send(message)
            else:
                await send(message)

        connection = multiplexed_connection(self.scope)
        waiting = None if connection is None else _unsent(send)
        if connection is None or waiting is None:
            await super().__call__(receive, send_last_undisturbed)
            return
        answer = _MultiplexedAnswer(connection, receive, send_last_undisturbed, waiting)
        try:
            await super().__call__(answer.receive, answer.send)
        finally:
            answer.end()

    async def handle_messages(  # type: ignore[override]
        self, nursery: trio.Nursery, request: Request, receive: ASGIReceiveCallable
    ) -> None:
        """Take the request in until its client is gone."""
        body = request.body
        if not isinstance(body, StreamedBody):
            await super().handle_messages(nursery, request, receive)
            return

        async def receive_when_there_is_room() -> ASGIReceiveEvent:
            await body.room()
            return await receive()

        await super().handle_messages(nursery, request, receive_when_there_is_room)

    def _create_request_from_scope(self, send: ASGISendCallable) -> Request:
        request = super()._create_request_from_scope(send)
        if request.path in STREAMED:
            request.body = StreamedBody()
        return request
