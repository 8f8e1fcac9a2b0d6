"""How deep JSON is nested, told from its bytes without parsing it and without recursion."""

import re
from itertools import accumulate

_QUOTED = re.compile(rb'"[^"]*"')
# An opening bracket is the signed byte 1, a closing one -1.
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
_NEITHER_BRACKET_NOR_QUOTE = bytes(set(range(256)) - set(b'[]{}"'))
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
    brackets = _brackets(raw)
    steps = memoryview(brackets).cast("b")
    for start in range(0, len(brackets), _BLOCK):
        stop = min(start + _BLOCK, len(brackets))
        opening = brackets.count(1, start, stop)
        if depth + opening > limit and depth + max(accumulate(steps[start:stop])) > limit:
            return True
        depth += 2 * opening - (stop - start)
    return False


def _brackets(raw: bytes) -> bytes:
    """One step up or down for each bracket outside of strings."""
    if b"\\" in raw:
        # Pairs from the left first: then a backslash before a quote does escape it.
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    rest = raw.translate(_STEPS, _NEITHER_BRACKET_NOR_QUOTE)
    # Most strings are two quotes now. Which two neighbours go does not matter: what is left
    # begins and ends strings where it did.
    rest = rest.replace(b'""', b"")
    return _QUOTED.sub(b"", rest) if b'"' in rest else rest
