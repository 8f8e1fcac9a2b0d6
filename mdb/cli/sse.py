"""Server-sent events, out of the pieces in which they arrive. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

# Bytes that one event may have before its end: those of a server of ours have some hundred.
_LIMIT = 1 << 20


class Event(msgspec.Struct, frozen=True):
    """An event, or (`name` and `data` empty) word of how far the stream has come.

    The standard lets a client act on events with data only; the id of others counts too.
    """

    name: str
    data: str
    id: str | None
    """None where it has none of its own."""


class Events:
    """Takes pieces, gives events. Comments and unknown fields are skipped."""

    def __init__(self) -> None:
        """Nothing has arrived yet."""
        self.retry: int | None = None
        """Milliseconds to wait before connecting again, if the server said so."""
        self._rest = b""

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Take a piece; return the events that it completes. Raises `ValueError` past the limit."""
        *whole, self._rest = (self._rest + piece).split(b"\n\n")
        if len(self._rest) > _LIMIT:
            raise ValueError("an event has no end")
        for block in whole:
            event = self._parse(block.decode("utf-8", "replace"))
            if event is not None:
                yield event

    def _parse(self, block: str) -> Event | None:
        name, identity, data = "", None, []
        seen = False
        for line in block.split("\n"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                name, seen = value, True
            elif field == "data":
                data.append(value)
                seen = True
            elif field == "id":
                identity, seen = value, True
            elif field == "retry" and value.isdecimal():
                self.retry = int(value)
        return Event(name, "\n".join(data), identity) if seen else None
