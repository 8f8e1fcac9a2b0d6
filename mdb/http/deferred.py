"""An ASGI application that is loaded while the server already answers.

Importing Quart takes half of the time that a start takes. The lane answers calls without it.
"""

from collections.abc import Callable
from typing import TypeAlias

import trio
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

Application: TypeAlias = ASGIFramework


class DeferredApp:
    """Stands in for the application that `load` makes; its first requests wait until it has."""

    def __init__(self, load: Callable[[], Application]) -> None:
        """`load` is called once, in a thread, and may import what it likes."""
        self._load = load
        self._lock = trio.Lock()
        self._app: Application | None = None

    async def loaded(self) -> Application:
        """Load the application if it is not; raises what `load` raises.

        Cancellation takes effect when loading, once begun, is done.
        """
        if self._app is None:
            async with self._lock:
                if self._app is None:
                    self._app = await trio.to_thread.run_sync(self._load)
        return self._app

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Pass a request on; the server's start and stop are nothing to the application."""
        if scope["type"] == "lifespan":
            await _acknowledge(receive, send)
        else:
            app = await self.loaded()
            await app(scope, receive, send)


async def _acknowledge(receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
    while True:
        event = await receive()
        if event["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif event["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
