"""What an RPC dispatcher and an HTTP server say to each other.

A dispatcher takes the bytes of a body and gives a `Reply`; it knows nothing of the server that
carries it, so the lane and the Quart route answer alike.
"""

from collections.abc import AsyncGenerator
from typing import Protocol

import msgspec


class Body(Protocol):
    """An answer that is produced while it is sent.

    ``chunks`` is called once. The server closes the generator in every case: after its last
    chunk, when the client is gone, and when the server is stopped. An exception out of it
    before its first chunk is answered with status 500; a later one breaks the answer off
    without a valid ending.
    """

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body in order; empty chunks are skipped."""
        ...


class Reply(msgspec.Struct, frozen=True):
    """One answer, complete but for the framing headers, which are the server's.

    ``headers`` holds no Content-Type, Content-Length, Transfer-Encoding, Connection or Date;
    names and values are ASCII without line breaks.
    """

    status: int
    body: bytes | Body
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"


class Dispatcher(Protocol):
    """The one entrance to all RPC methods."""

    async def __call__(
        self, body: bytes, *, authorization: str | None, request_id: str | None
    ) -> Reply:
        """Answer the call in ``body``.

        Faults are answers too: nothing but `trio.Cancelled` is raised.

        Args:
            body: The request's body, any bytes.
            authorization: The value of the Authorization header.
            request_id: The client's own id if it sent a sane one; else the dispatcher makes
                one. Either way it is in the reply's headers as ``X-Request-Id``.
        """
        ...


def error_body(code: str, message: str) -> bytes:
    """Encode the error body of the HTTP contract, with empty details."""
    return msgspec.json.encode({"error": {"code": code, "message": message, "details": {}}})


def error_reply(
    status: int,
    code: str,
    message: str,
    *,
    request_id: str,
    headers: tuple[tuple[str, str], ...] = (),
) -> Reply:
    """Build the reply to a request that HTTP itself refuses."""
    return Reply(status, error_body(code, message), (("X-Request-Id", request_id), *headers))
