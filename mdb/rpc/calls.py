"""One call, apart from who makes it: which method it names, and how that is run."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import trio

from mdb.core.errors import (
    AuthUnauthorized,
    BackendError,
    BackendUnavailable,
    DeadlinePassed,
    InvalidRequest,
    NamespaceNotFound,
)
from mdb.rpc.context import Context
from mdb.rpc.method import Method
from mdb.rpc.results import ReadBody
from mdb.rpc.table import METHODS

# How a call's first element names its method, in the bytes that nearly every client sends.
_BY_RAW = {b'"%b"' % name.encode(): method for name, method in METHODS.items()}


def known_method(parts: Sequence[msgspec.Raw]) -> Method | None:
    """Return the method that a call names in the usual way; None: see `find_method`."""
    return _BY_RAW.get(bytes(parts[0])) if parts else None


def find_method(parts: Sequence[msgspec.Raw]) -> Method:
    """Return the method that a call names."""
    if not parts:
        raise InvalidRequest("the call is empty: expected [method, argument, ...]", path="$")
    method = known_method(parts)
    if method is not None:
        return method
    try:
        name = msgspec.json.decode(parts[0], type=str)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise InvalidRequest("the method's name must be a string", path="$[0]") from exc
    if name not in METHODS:
        raise InvalidRequest(f"unknown method: {name[:100]}", path="$[0]")
    return METHODS[name]


def is_pipeline(parts: Sequence[msgspec.Raw]) -> bool:
    """Tell an array of calls from a call: by its first element."""
    return bool(parts) and bytes(parts[0]).startswith(b"[")


async def run(method: Method, context: Context, arguments: tuple[object, ...]) -> bytes | ReadBody:
    """Run a call whose caller and arguments are good, under the context's deadline."""
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
