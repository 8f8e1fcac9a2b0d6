"""What an RPC dispatcher and an HTTP server say to each other.

A dispatcher takes the bytes of a body and gives a `Reply`; it knows nothing of the server that
carries it, so the lane and the Quart route answer alike.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from mdb.rpc.reply import Body, Reply


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

    def begin(
        self,
        body: bytes,
        *,
        authorization: str | None,
        request_id: str | None,
        done: Callable[[Reply], None],
    ) -> bool:
        """Take up the call in ``body`` if that needs no task that waits for its answer.

        Args:
            body: As above, and so are the next two.
            authorization: See there.
            request_id: See there.
            done: Given the answer, once, by whatever task brings it about, perhaps before this
                returns. It must not raise.

        Returns False, and has done nothing, for a call of any other kind. Never raises.
        """
        ...


__all__ = ["Body", "Dispatcher", "Reply", "error_body", "error_reply"]


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
