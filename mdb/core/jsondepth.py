"""How deep JSON is nested, told from its bytes without parsing it and without recursion."""

import re
from itertools import accumulate

_QUOTED = re.compile(rb'"[^"]*"')
_ONE_KIND_OF_BRACKET = bytes.maketrans(b"{}", b"[]")
_NEITHER_BRACKET_NOR_QUOTE = bytes(set(range(256)) - set(b'[]{}"'))
_STEP = [0] * 256
_STEP[ord("[")], _STEP[ord("]")] = 1, -1

# Brackets counted at a time. Within a block the depth rises by its opening brackets at most, so
# only blocks that could pass the limit are looked at one bracket after the other.
_BLOCK = 64


def deeper_than(raw: bytes, limit: int) -> bool:
    """Whether valid JSON has more than `limit` levels of arrays and objects; a scalar has none.

    Linear in the length, and nearly all of it at the speed of the interpreter's own loops.
    """
    if len(raw) <= 2 * limit or raw.count(b"[") + raw.count(b"{") <= limit:
        return False
    depth = 0
    rest = _brackets(raw)
    for start in range(0, len(rest), _BLOCK):
        block = rest[start : start + _BLOCK]
        opening = block.count(b"[")
        if (
            depth + opening > limit
            and depth + max(accumulate(map(_STEP.__getitem__, block))) > limit
        ):
            return True
        depth += 2 * opening - len(block)
    return False


def _brackets(raw: bytes) -> bytes:
    """The brackets outside of strings, all square."""
    if b"\\" in raw:
        # Pairs from the left first: then a backslash before a quote does escape it.
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    rest = raw.translate(_ONE_KIND_OF_BRACKET, _NEITHER_BRACKET_NOR_QUOTE)
    # Most strings are two quotes now. Which two neighbours go does not matter: what is left
    # begins and ends strings where it did.
    rest = rest.replace(b'""', b"")
    return _QUOTED.sub(b"", rest) if b'"' in rest else rest
