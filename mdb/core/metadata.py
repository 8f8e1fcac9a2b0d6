"""A message's metadata: an object or null, and the one field of it that the server reads."""

from __future__ import annotations

from typing import Any

import msgspec

from mdb.core import jsonrules, names
from mdb.core.errors import InvalidRequest


class _Correlated(msgspec.Struct):
    """The one field of metadata that the server reads; whatever else is there is not ours."""

    correlationStreamName: Any = None


_decode = msgspec.json.Decoder(_Correlated).decode


def check_metadata(raw: msgspec.Raw, path: str) -> tuple[bytes | None, str | None]:
    """Check metadata; return the text to store (None for null) and the correlation's category.

    Raises InvalidRequest naming `path` for anything but an object or null, for what
    `jsonrules.check` refuses, and for a correlation stream that could be no stream's name.
    """
    text = bytes(raw)
    if text == b"null":
        return None, None
    if not text.startswith(b"{"):
        raise InvalidRequest("metadata must be an object or null", path=path)
    checked = jsonrules.check(text, path)
    name = _decode(checked).correlationStreamName
    if not isinstance(name, str):
        return checked, None
    names.check_stream_name(name, f"{path}.correlationStreamName")
    return checked, names.category(name)
