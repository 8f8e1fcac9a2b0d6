"""Something that takes long to load, loaded while the server already answers."""

from collections.abc import Callable
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class Deferred(Generic[T]):
    """Stands for what `load` returns; who needs it first waits until it is there."""

    def __init__(self, load: Callable[[], T]) -> None:
        """`load` is called once, in a thread, and may import what it likes."""
        self._load = load
        self._lock = trio.Lock()
        self.loaded: T | None = None
        """What was loaded, None as long as it was not."""

    async def get(self) -> T:
        """Load it if it is not there; raises what `load` raises.

        Cancellation takes effect when loading, once begun, is done.
        """
        if self.loaded is None:
            async with self._lock:
                if self.loaded is None:
                    self.loaded = await trio.to_thread.run_sync(self._load)
        return self.loaded
