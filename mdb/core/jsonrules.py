"""What JSON mdb takes in, when two values are equal, and the one canonical text of a value.

Values travel as the bytes of their text and are never turned into floats: integers are exact in
msgspec, every other number passes through a hook as its literal. Refused on every backend, so
that each can store what another exported: `\\u0000` and lone surrogates, nesting deeper than
MAX_DEPTH, numbers of more than MAX_DIGITS digits before or after the point when written out.
Of duplicate keys the last stands.
"""

import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from mdb.core.errors import InvalidRequest
from mdb.core.jsondepth import deeper_than
from mdb.core.numbers import MAX_PADDING, NumberTooLong, exact_decimal

T = TypeVar("T")

MAX_DEPTH: Final = 256
"""Levels of arrays and objects in a value; a scalar has none."""

MAX_BODY_DEPTH: Final = MAX_DEPTH + 5
"""A transaction in a pipeline wraps a value in five more: pipeline, call, list, write, message."""

MAX_DIGITS: Final = 1000
"""Digits before or after the point of a number without its exponent."""

# A literal no longer than this, with an exponent of at most four digits, is taken as it stands:
# Postgres expands it within its limits (1000 + 9999 < 16,383).
_SHORT_LITERAL: Final = 900

# CPython turns at most 4,300 digits into an int; a longer text may hold such an integer.
_INT_DIGITS: Final = 4000

# An integer with more zeros than this at its end has an exponent in the canonical text.
_LONG_ZEROS: Final = b"0" * (MAX_PADDING + 1)

_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_STRINGS = re.compile(_STRING, re.DOTALL)
# Neither a fraction, nor an exponent, nor what has one.
_INTEGER_OF = rb"(?<![0-9.eE+])(?<![eE]-)[0-9]{%d,}+(?![.eE])"
_STRING_OR_LONG_INTEGER = re.compile(
    rb"%s|(%s)" % (_STRING, _INTEGER_OF % (MAX_PADDING + 2)), re.DOTALL
)
# What a number written out holds beyond its exponent's form: zeros after it, or in front of it.
_ZEROS_BEHIND = re.compile(rb"(?<=[1-9])000+(?![0-9.eE])")
_ZEROS_BEFORE = re.compile(rb"(?<![0-9.])0\.0+(?=[1-9])")
# A run of digits is searched for as a run of zeros: many times faster than by a pattern.
_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")
_LONG_RUN: Final = b"0" * (MAX_DIGITS + 1)
_TOO_LONG_INTEGER = re.compile(_INTEGER_OF % (MAX_DIGITS + 1))
_NUL_OR_LONE_SURROGATE = re.compile(
    rb"\\u(?:(0000)"
    rb"|[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u)[dD][c-fC-F])"
)

_ANY_RAW = msgspec.json.Decoder(list[msgspec.Raw])


def check(raw: bytes, path: str = "$") -> bytes:
    """The text to store of one JSON value: compact, each key once, numbers as they were written.

    A literal that Postgres could not read although its value is within the limits (`0e999999`)
    is written out. Raises InvalidRequest naming `path` for what the rules refuse, and for bytes
    that are no JSON at all.
    """
    if b"\\u" in raw:
        _check_escapes(raw, path)
    if len(raw) > 2 * MAX_DEPTH:  # shorter ones cannot be too deep, nor a plain integer too long
        _check_long(raw, path)
    try:
        return _encode(_literal_decode(raw))
    except NumberTooLong as exc:
        raise _number_too_long(path) from exc
    except RecursionError as exc:  # where the caller's own stack left less than MAX_DEPTH
        raise _too_deep(path, MAX_DEPTH, path) from exc
    except (msgspec.DecodeError, ValueError) as exc:
        raise InvalidRequest(f"{path}: not a JSON value ({exc})", path=path) from exc


def equal(a: bytes, b: bytes) -> bool:
    """Whether two texts are the same JSON value.

    Objects are unordered, of duplicate keys the last counts, numbers compare by their exact
    value (`1.0`, `1` and `10e-1` are one, `-0` is `0`), strings by their text; `true` is not 1.
    """
    return a == b or canonical(a) == canonical(b)


def least_size(raw: bytes) -> int:
    """Return at most how many bytes the value took where it was written in the fewest.

    The decimal form of numbers, as `canonical` has it, may be several times as long: `1e20`.
    """
    if b"000" not in raw and b"0.0" not in raw:
        return len(raw)
    outside = _STRINGS.sub(b"", raw)
    short = _ZEROS_BEFORE.sub(b"e-9", _ZEROS_BEHIND.sub(b"e9", outside))
    return len(raw) - (len(outside) - len(short))


def canonical(raw: bytes) -> bytes:
    """The one text that all equal values share.

    Keys are sorted by code point and stand once; there is no white space; only `"`, `\\` and
    control characters are escaped, in the short form where there is one; numbers are as
    `numbers.exact_decimal` has them: `1.0` is `1`, `1e3` is `1000`, `1E-7` is `0.0000001`,
    `10e399` is `1e400`, `-0` is `0`. Applied twice it changes nothing.

    Not limited by MAX_DIGITS and MAX_DEPTH, since others may write to the same database: any
    number, and some hundred levels, as far as the interpreter's recursion limit goes. Raises
    InvalidRequest beyond, and for bytes that are no JSON.
    """
    try:
        return _encode_sorted(_decode_canonically(raw))
    except NumberTooLong as exc:
        raise InvalidRequest("a number's exponent is too long") from exc
    except RecursionError as exc:
        raise InvalidRequest("a JSON value is nested too deeply") from exc
    except (msgspec.DecodeError, ValueError) as exc:
        raise InvalidRequest(f"not a JSON value ({exc})") from exc


def decode_body(body: bytes) -> list[msgspec.Raw]:
    """The elements of a request body, which must be one JSON array in UTF-8.

    Their syntax is checked, and that no lone surrogate is in them, but not the other rules of
    `check`. Raises InvalidRequest for everything malformed and for nothing else.
    """
    try:
        if not body.isascii():
            body.decode()  # msgspec looks into a Raw's syntax, not into its encoding
    except UnicodeDecodeError as exc:
        raise InvalidRequest(f"the body is not UTF-8 (byte {exc.start})") from exc
    if body.startswith(b"\xef\xbb\xbf"):
        raise InvalidRequest("the body begins with a byte order mark")
    try:
        elements = _ANY_RAW.decode(body)
    except msgspec.ValidationError as exc:
        raise InvalidRequest("the body is not a JSON array", path="$") from exc
    except msgspec.DecodeError as exc:
        raise InvalidRequest(f"the body is not JSON ({exc})") from exc
    except RecursionError as exc:
        raise _too_deep("the body", MAX_BODY_DEPTH, None) from exc
    if deeper_than(body, MAX_BODY_DEPTH):
        raise _too_deep("the body", MAX_BODY_DEPTH, None)
    return elements


def decode_whole(decode: Callable[[bytes], T], body: bytes) -> T | None:
    """A request body as a decoder of msgspec's has it, read in one step.

    None for whatever `decode_body` or the decoder refuses: read it step by step to learn why.
    """
    try:
        if not body.isascii():
            body.decode()
        value = decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return None if deeper_than(body, MAX_BODY_DEPTH) else value


def decode_call(raw: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    """The elements of a call in a body that `decode_body` let through; it must be an array."""
    try:
        return _ANY_RAW.decode(raw)
    except msgspec.DecodeError as exc:
        raise InvalidRequest("a call must be an array", path="$") from exc


def _check_escapes(raw: bytes, path: str) -> None:
    # Without the escaped backslashes every backslash that is left begins an escape.
    match = _NUL_OR_LONE_SURROGATE.search(raw.replace(b"\\\\", b"  "))
    if match is None:
        return
    what = "the character U+0000" if match[1] else "a lone surrogate"
    raise InvalidRequest(f"{path}: a string holds {what}", path=path)


def _check_long(raw: bytes, path: str) -> None:
    if deeper_than(raw, MAX_DEPTH):
        raise _too_deep(path, MAX_DEPTH, path)
    # Integers do not pass through the hook of the other numbers.
    long_run = len(raw) > MAX_DIGITS and _LONG_RUN in raw.translate(_DIGITS_TO_ZERO)
    if long_run and _TOO_LONG_INTEGER.search(_STRINGS.sub(b'""', raw)):
        raise _number_too_long(path)


def _literal(text: str) -> msgspec.Raw:
    """Hook for a number with a point or an exponent: its literal, if it keeps to the limits."""
    exponent = text.lower().partition("e")[2].lstrip("+-0")
    # 900 characters and an exponent of 99 stay within 1000 digits.
    if len(text) > _SHORT_LITERAL or len(exponent) > 2:
        exact = exact_decimal(text, MAX_DIGITS)
        if len(text) > _SHORT_LITERAL or len(exponent) > 4:
            text = exact
    return msgspec.Raw(text.encode("ascii"))


def _exact(text: str) -> msgspec.Raw:
    return msgspec.Raw(exact_decimal(text).encode("ascii"))


_literal_decode = msgspec.json.Decoder(float_hook=_literal).decode
_exact_decode = msgspec.json.Decoder(float_hook=_exact).decode
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def _decode_canonically(raw: bytes) -> object:
    if _LONG_ZEROS in raw or len(raw) > _INT_DIGITS:
        # With a point, long integers go through the hook like all other numbers.
        raw = _STRING_OR_LONG_INTEGER.sub(lambda m: m[0] + b".0" if m[1] else m[0], raw)
    return _exact_decode(raw)


def _too_deep(what: str, limit: int, path: str | None) -> InvalidRequest:
    return InvalidRequest(f"{what}: nested deeper than {limit} levels", path=path)


def _number_too_long(path: str) -> InvalidRequest:
    return InvalidRequest(
        f"{path}: a number has more than {MAX_DIGITS} digits before or after the point", path=path
    )
