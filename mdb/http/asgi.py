"""Quart-Trio on Hypercorn: where the two do not fit."""

from typing import Final

import trio
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, ASGISendEvent
from quart_trio.asgi import TrioASGIHTTPConnection

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
