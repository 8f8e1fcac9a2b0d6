"""What a server's watch has to do: what to tell other servers, and where to look soon."""

from __future__ import annotations

import trio

# Names of schemas heard of that are kept apart; beyond that, everything is looked at.
MAX_HEARD = 10_000


class News:
    """Collected by whoever knows, taken by the watch. Sync, but for the waiting.

    Nothing is lost by merging: each name stands for "something happened there".
    """

    def __init__(self) -> None:
        """Nothing has happened."""
        self._untold: set[str] = set()
        self._heard: set[str] = set()
        self._soon: set[str] = set()
        self._everything = False
        self._to_tell = trio.Event()
        self._to_look = trio.Event()

    def tell(self, schema: str) -> None:
        """Have other servers told that something was written to a schema."""
        self._untold.add(schema)
        self._to_tell.set()

    def hear(self, schema: str) -> None:
        """Take in what another server tells."""
        if len(self._heard) < MAX_HEARD:
            self._heard.add(schema)
        else:
            self._everything = True
        self._to_look.set()

    def look_soon(self, incarnation: str) -> None:
        """Have a namespace looked at before its time."""
        self._soon.add(incarnation)
        self._to_look.set()

    def look_at_everything(self) -> None:
        """Have all that is followed looked at: notifications may have been lost."""
        self._everything = True
        self._to_look.set()

    async def untold(self) -> list[str]:
        """Wait for something to tell, and take it."""
        await self._to_tell.wait()
        self._to_tell = trio.Event()
        names, self._untold = self._untold, set()
        return list(names)

    async def looks(self, deadline: float) -> tuple[set[str], set[str], bool]:
        """Wait until there is something to look at, or the deadline (trio time), and take it.

        Returns the schemas heard of, the incarnations to be looked at, and whether to look at
        everything.
        """
        with trio.move_on_at(deadline):
            await self._to_look.wait()
        self._to_look = trio.Event()
        taken = (self._heard, self._soon, self._everything)
        self._heard, self._soon, self._everything = set(), set(), False
        return taken
