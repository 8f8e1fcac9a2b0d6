"""JSON on the command line."""

from __future__ import annotations

import sys

import msgspec

from mdb.cli.failures import UsageError
from mdb.core import jsonrules
from mdb.core.errors import InvalidRequest

# Bytes that are read of standard input: more than any server takes for a message.
_LIMIT = 256 * 2**20


def json_argument(text: str, name: str) -> msgspec.Raw:
    """Check a JSON value against the contract's rules; return it as it is. Raises `UsageError`.

    Checked here, because it becomes part of a larger document as text.
    """
    return _checked(text.encode("utf-8", "surrogateescape"), name)


def json_of_stdin(name: str) -> msgspec.Raw:
    """Read one JSON value from standard input, to its end. Raises `UsageError`."""
    content = sys.stdin.buffer.read(_LIMIT + 1)
    if len(content) > _LIMIT:
        raise UsageError(f"{name}: standard input has more than {_LIMIT} bytes")
    return _checked(content, name)


def _checked(content: bytes, name: str) -> msgspec.Raw:
    try:
        return msgspec.Raw(jsonrules.check(content, name))
    except InvalidRequest as exc:
        raise UsageError(exc.message) from None
