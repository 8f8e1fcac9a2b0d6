"""From the bytes of a request to the bytes of its answer.

The order of judgement: JSON and method, token, arguments. Whatever goes wrong is an answer.
"""

from __future__ import annotations

import logging
import secrets

import msgspec
import trio

from mdb.core import jsonrules
from mdb.core.errors import (
    AuthUnauthorized,
    BackendError,
    BackendUnavailable,
    DeadlinePassed,
    InvalidRequest,
    MdbError,
    NamespaceNotFound,
)
from mdb.database import Database
from mdb.namespace import Namespace
from mdb.rpc.auth import Auth, bearer
from mdb.rpc.context import Context
from mdb.rpc.method import Method
from mdb.rpc.reply import Body, Reply
from mdb.rpc.table import METHODS
from mdb.rpc.testmode import TestMode

log = logging.getLogger("mdb.rpc")

# Seconds a request may take, from the moment its body is complete.
REQUEST_TIMEOUT = 30.0

# How a call's first element names its method, in the bytes that nearly every client sends.
_BY_RAW = {b'"%b"' % name.encode(): method for name, method in METHODS.items()}


class Dispatcher:
    """The one entrance to all methods, whatever carried the request."""

    def __init__(
        self,
        database: Database,
        *,
        test_mode: TestMode | None = None,
        request_timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        """`request_timeout` in seconds."""
        self._database = database
        self._auth = Auth(database, test_mode)
        self._timeout = request_timeout

    async def __call__(
        self, body: bytes, *, authorization: str | None, request_id: str | None
    ) -> Reply:
        """Answer the call in `body`; only `trio.Cancelled` is raised.

        `request_id`: the client's own, if it sent a sane one.
        """
        headers = [("X-Request-Id", request_id or secrets.token_hex(16))]
        try:
            parts = jsonrules.decode_body(body)
            result = await self._call(parts, authorization, headers)
        except MdbError as error:
            return refusal(error, headers)
        except Exception:
            log.exception("a call failed", extra={"request_id": headers[0][1]})
            return refusal(BackendError("the server failed"), headers)
        return Reply(200, result, tuple(headers))

    async def _call(
        self,
        parts: list[msgspec.Raw],
        authorization: str | None,
        headers: list[tuple[str, str]],
    ) -> bytes | Body:
        method = find_method(parts)
        deadline = trio.current_time() + self._timeout
        if method.access == "open":
            context = Context(self._database, None, deadline)
            return await self._run(method, context, method.arguments(parts))
        found = await self._auth.caller(
            bearer(authorization), admin=method.access == "admin", own=method.access == "own"
        )
        arguments = method.arguments(parts)
        if isinstance(found, Namespace):
            caller = found
        else:
            caller, token = await found()
            if token is not None:
                headers.append(("X-MessageDB-Token", token))
        return await self._run(method, Context(self._database, caller, deadline), arguments)

    async def _run(
        self, method: Method, context: Context, arguments: tuple[object, ...]
    ) -> bytes | Body:
        if method.queued:
            # The actor looks at the deadline itself; a cancel scope for each write is not cheap.
            return await method.handler(context, *arguments)
        try:
            with trio.move_on_at(context.deadline):
                return await method.handler(context, *arguments)
        except NamespaceNotFound:
            # Only an admin is told what exists; anyone else's own namespace was just deleted.
            if not context.is_admin:
                raise AuthUnauthorized("the namespace was deleted") from None
            raise
        except (BackendError, BackendUnavailable):
            if context.caller is not None and context.caller.gone:
                raise AuthUnauthorized("the namespace was deleted") from None
            raise
        raise DeadlinePassed("the deadline passed before there was an answer")


def find_method(parts: list[msgspec.Raw]) -> Method:
    """Return the method that a call names."""
    if not parts:
        raise InvalidRequest("the call is empty: expected [method, argument, ...]", path="$")
    raw = bytes(parts[0])
    method = _BY_RAW.get(raw)
    if method is not None:
        return method
    try:
        name = msgspec.json.decode(raw, type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise InvalidRequest("the method's name must be a string", path="$[0]") from exc
    if name not in METHODS:
        raise InvalidRequest(f"unknown method: {name[:100]}", path="$[0]")
    return METHODS[name]


def refusal(error: MdbError, headers: list[tuple[str, str]]) -> Reply:
    """Answer with an error."""
    if error.retry_after is not None:
        headers = [*headers, ("Retry-After", str(error.retry_after))]
    return Reply(error.status, error.to_json(), tuple(headers))
