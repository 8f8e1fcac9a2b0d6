"""The HTTP server: our listener, the RPC lane in front, Hypercorn behind it."""

from __future__ import annotations

import logging
import ssl as ssl_module
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from mdb.http.connection import Connection, Connections
from mdb.http.cors import AllowedOrigins
from mdb.http.deferred import Deferred
from mdb.http.lane import Lane
from mdb.http.lane.conversation import linger
from mdb.http.lane.heads import KnownHeads
from mdb.http.lane.outgoing import whole
from mdb.http.lane.reactor import Reactor
from mdb.http.limits import Limits
from mdb.http.listen import accept_forever, close_listener, open_listeners
from mdb.http.reply import Dispatcher, error_reply
from mdb.http.request_id import fresh_request_id

if TYPE_CHECKING:
    from mdb.http.behind import Behind

logger = logging.getLogger("mdb.http.serve")

# Connections over the limit that are told so at the same time; more are closed without a word.
_REFUSALS: Final = 128


async def serve(
    load_app: Callable[[], object],
    rpc: Dispatcher | None,
    *,
    host: str | None = "127.0.0.1",
    port: int = 8080,
    ssl: ssl_module.SSLContext | None = None,
    limits: Limits | None = None,
    origins: AllowedOrigins | None = None,
    sweep: AbstractContextManager[object] | None = None,
    draining: trio.Event,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an application, and ``rpc`` in front of it, until ``draining`` is set, then stop.

    Stopping: the listeners are closed, and who waits in their queues is told `OVERLOADED`; idle
    connections are closed; requests that have begun are answered, with ``Connection: close``;
    after ``limits.grace`` seconds whatever is left is cut off. Event streams are the
    application's to end. Cancellation cuts everything off at once: no wait of a connection,
    Hypercorn's shielded sends included, survives it.

    Args:
        load_app: Makes the ASGI application; called once, in a thread, when ``rpc`` can already
            be called. A QuartTrio needs `KeepAliveConnection` as its ``asgi_http_class``. It is
            not told of the server's start and stop.
        rpc: Answers ``POST /rpc`` over HTTP/1.x without the application; None leaves
            everything to the application.
        host: Name or address to listen on; None for all.
        port: 0 for a free one.
        ssl: For HTTPS, see `tls_context`; None for HTTP.
        limits: All bounds; the default ones if None.
        origins: CORS for the lane; off if None.
        sweep: Entered while the requests of one turn of the loop are looked at.
        draining: Set by the caller to stop.
        task_status: Reports the port, when connections are accepted.

    Raises:
        OSError: The address cannot be listened on.

    Errors of one connection are logged and end that connection.
    """
    limits = limits or Limits()

    def load() -> Behind:
        from mdb.http.behind import Behind  # noqa: PLC0415  (heavy)

        return Behind(load_app(), limits)

    listeners = await open_listeners(host, port, limits)
    reactor = Reactor(sweep) if rpc is not None and Reactor.available else None
    server = _Server(
        Deferred(load),
        rpc,
        ssl=ssl,
        limits=limits,
        origins=origins or AllowedOrigins(),
        reactor=reactor,
    )
    # Closed when nobody waits in it any more.
    with reactor or nullcontext():
        await server.run(listeners, draining, task_status)


class _Server:
    """What all connections share."""

    def __init__(
        self,
        behind: Deferred[Behind],
        rpc: Dispatcher | None,
        *,
        ssl: ssl_module.SSLContext | None,
        limits: Limits,
        origins: AllowedOrigins,
        reactor: Reactor | None,
    ) -> None:
        self._behind = behind
        self._rpc = rpc
        self._ssl = ssl
        self._limits = limits
        self._origins = origins
        self._known_heads = KnownHeads()
        self._reactor = reactor
        self._connections = Connections(limits)
        self._refusals = 0

    async def run(
        self,
        listeners: list[trio.SocketListener],
        draining: trio.Event,
        task_status: trio.TaskStatus[int],
    ) -> None:
        async with trio.open_nursery() as background:
            background.start_soon(self._connections.reap)
            if self._reactor is not None:
                background.start_soon(self._reactor.run)
            async with trio.open_nursery() as handlers:
                take = partial(self._take, handlers)
                try:
                    async with trio.open_nursery() as accepting:
                        for listener in listeners:
                            accepting.start_soon(accept_forever, listener, take)
                        task_status.started(listeners[0].socket.getsockname()[1])
                        background.start_soon(self._behind.get)
                        await draining.wait()
                        accepting.cancel_scope.cancel()
                    self._connections.drain()
                    for listener in listeners:
                        await close_listener(listener, take, at_most=self._limits.backlog)
                    if self._behind.loaded is not None:
                        await self._behind.loaded.terminate()
                    with trio.move_on_after(self._limits.grace):
                        await self._connections.wait_none_left()
                finally:
                    for listener in listeners:
                        listener.socket.close()
                    # Closing the sockets ends waits that are shielded from the cancellation.
                    self._connections.abort()
                    handlers.cancel_scope.cancel()
            background.cancel_scope.cancel()

    def _take(self, handlers: trio.Nursery, stream: trio.SocketStream) -> None:
        """Start serving a connection, or refusing it."""
        full = len(self._connections) - self._refusals >= self._limits.max_connections
        if not (full or self._connections.draining):
            handlers.start_soon(self._handle, self._connections.add(self._secured(stream)))
        elif self._refusals < _REFUSALS and self._ssl is None:
            self._refusals += 1
            handlers.start_soon(self._refuse, self._connections.add(stream))
        else:
            stream.socket.close()

    def _secured(
        self, stream: trio.SocketStream
    ) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
        if self._ssl is None:
            return stream
        return trio.SSLStream(stream, self._ssl, server_side=True, https_compatible=True)

    async def _handle(self, connection: Connection) -> None:
        try:
            await self._converse(connection)
        except* (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client is gone, or was cut off
        except* Exception:
            logger.exception("a connection failed")
        finally:
            # Not in good order: over TLS that would send, and the last word has been said.
            await trio.aclose_forcefully(connection.stream)
            self._connections.discard(connection)

    async def _converse(self, connection: Connection) -> None:
        protocol = await connection.handshake()
        first: bytes | None = b""
        if self._rpc is not None and protocol != "h2":
            # A lane is of no use any more once it has ended: nothing here keeps it.
            first = await self._lane(connection, self._rpc).run()
        if first is not None:
            behind = await self._behind.get()
            await behind.take_over(connection, first, draining=self._connections.draining)

    def _lane(self, connection: Connection, rpc: Dispatcher) -> Lane:
        return Lane(
            connection,
            self._connections,
            rpc,
            limits=self._limits,
            origins=self._origins,
            known=self._known_heads,
            reactor=self._reactor,
        )

    async def _refuse(self, connection: Connection) -> None:
        """Tell a client that there is no room for it."""
        reply = error_reply(
            503,
            "OVERLOADED",
            "the server has no room for another connection",
            request_id=fresh_request_id(),
            headers=(("Retry-After", "1"),),
        )
        assert isinstance(reply.body, bytes)
        try:
            await connection.send(whole(reply, reply.body, keep_alive=False))
            await linger(connection, self._limits)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # it is gone
        finally:
            self._refusals -= 1
            await trio.aclose_forcefully(connection.stream)
            self._connections.discard(connection)
