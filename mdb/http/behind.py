"""Hypercorn and the application on it: what stands behind the lane.

Importing them takes most of the time that a start takes, so nothing that is needed to listen
imports this module.
"""

from __future__ import annotations

from typing import Any

from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState, LifespanState
from hypercorn.utils import wrap_app

from mdb.http.config import hypercorn_config
from mdb.http.connection import Connection
from mdb.http.handed import HandedStream, connection_state
from mdb.http.limits import Limits


class Behind:
    """Takes over connections. The application hears nothing of the server's start and stop."""

    def __init__(self, app: Any, limits: Limits) -> None:  # noqa: ANN401  (any ASGI application)
        """No I/O; may be called in a thread."""
        self._config = hypercorn_config(limits)
        self._app = wrap_app(app, self._config.wsgi_max_body_size, "asgi")
        self._context = WorkerContext(None)

    async def terminate(self) -> None:
        """Let connections close once they have nothing under way."""
        await self._context.terminated.set()

    async def take_over(self, connection: Connection, first: bytes, *, draining: bool) -> None:
        """Serve a connection, from ``first`` on, until it ends.

        ``draining``: the server stops already; what ``first`` begins is answered all the same.
        """
        context, when_read = self._context, None
        if draining:
            await self.terminate()
            if first:
                # Hypercorn would close a new connection at once, but this one has a request: it
                # learns of the stop when it has read it.
                context = WorkerContext(None)
                when_read = context.terminated.set
        stream: Any = HandedStream(connection, first, when_read=when_read)
        shared: LifespanState = {}
        state = ConnectionState({**shared, **connection_state(connection)})
        await TCPServer(self._app, self._config, context, state, stream).run()
