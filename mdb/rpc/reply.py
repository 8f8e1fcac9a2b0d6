"""What the dispatcher answers with. It knows nothing of the server that carries it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

import msgspec


class Body(Protocol):
    """An answer that is produced while it is sent.

    `chunks` is called once. The server closes the generator in every case: after its last chunk,
    when the client is gone, and when the server is stopped. An exception out of it breaks the
    answer off without a valid ending.
    """

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body in order."""
        ...


class Reply(msgspec.Struct, frozen=True):
    """One answer, complete but for the framing headers, which are the server's."""

    status: int
    body: bytes | Body
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"
