"""Verdicts on heads that came before. No I/O and no clock.

A client sends the same head again and again, but for the few lengths that its bodies have, and
what a head means depends on its bytes alone. So the parser's verdict on one is kept and found
again by all of its bytes, which costs a tenth of reaching it anew. Whatever differs in a single
byte is not found.
"""

from __future__ import annotations

from typing import Final

import msgspec

MAX_HEAD: Final = 1024
"""Bytes of a head that is kept: a megabyte for all of them."""

MAX_HEADS: Final = 1024
"""How many are kept; then the oldest goes."""


class Head(msgspec.Struct, frozen=True, gc=False):
    """What was found to be true of a ``POST /rpc`` of HTTP/1.1 that states its length and stays."""

    length: int
    """Of the body, in bytes."""
    authorization: str | None
    request_id: str | None
    """As the client sent it."""
    origin: str | None


class KnownHeads:
    """The heads that were judged good, of all connections of one server (so of equal limits)."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._heads: dict[bytes, Head] = {}
        self.find = self._heads.get
        """Return the verdict on the bytes of a whole head, None where there was none."""

    def remember(self, raw: bytes, head: Head) -> None:
        """Keep a verdict. ``raw``: the whole head, with the empty line at its end."""
        if len(raw) > MAX_HEAD:
            return
        if len(self._heads) >= MAX_HEADS:
            del self._heads[next(iter(self._heads))]
        self._heads[raw] = head
