"""Quart-Trio on Hypercorn: the two places where they need help."""

import logging
from typing import Final

import trio
from hypercorn.config import Config
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent
from quart_trio.asgi import TrioASGIHTTPConnection

from mdb.http.limits import Limits

# Longer than any send of the server may take: its own limit ends it first.
_SHIELD_SECONDS: Final = 60.0


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

        await super().__call__(receive, send_last_undisturbed)


def hypercorn_config(limits: Limits) -> Config:
    """Return the settings under which Hypercorn takes connections over from our listener.

    There is no read timeout: a follower of an event stream sends nothing for hours. What a
    client may take its time for is bounded by the keep-alive timeout (up to the end of a head),
    by the application's body timeout, and by the stream's send timeout.
    """
    config = Config()
    config.accesslog = None
    config.errorlog = logging.getLogger("mdb.http.hypercorn")
    config.include_server_header = False
    config.keep_alive_timeout = limits.idle_timeout
    config.graceful_timeout = limits.grace
    config.shutdown_timeout = limits.grace
    config.ssl_handshake_timeout = limits.handshake_timeout
    config.h11_max_incomplete_size = limits.max_head
    config.h2_max_header_list_size = limits.max_head
    return config
