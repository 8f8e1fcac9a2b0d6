"""What the dispatcher answers with. It knows nothing of the server that carries it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

import msgspec


class Body(Protocol):
    """An answer that is produced while it is sent.

    `chunks` is called once. The server closes the generator in every case: after its last chunk,
    when the client is gone, and when the server is stopped. An exception out of it before its
    first chunk is answered with status 500; a later one breaks the answer off without a valid
    ending.
    """

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body in order; empty chunks are skipped."""
        ...


class Reply(msgspec.Struct, frozen=True):
    """One answer, complete but for the framing headers, which are the server's.

    `headers` holds no Content-Type, Content-Length, Transfer-Encoding, Connection or Date; names
    and values are ASCII without line breaks.
    """

    status: int
    body: bytes | Body
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"
