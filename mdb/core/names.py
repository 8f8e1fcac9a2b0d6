"""Stream names: Message DB's four name functions, and what a name may be.

A stream name is `category`, or `category-id`, split at the first `-`; an id is `cardinal` or
`cardinal+rest`, split at the first `+`. None stands for SQL NULL. The functions are total, like
Message DB's; the `check_` functions hold the limits and raise InvalidRequest with the argument's
place (`$[1]`).
"""

import re
import unicodedata

from mdb.core.errors import InvalidRequest

MAX_NAME_CHARS = 500
MAX_NAME_BYTES = 1000  # one index entry of Postgres holds three such names with room to spare
MAX_NAMESPACE_CHARS = 200

# No str of this many characters can exceed MAX_NAME_BYTES: UTF-8 takes at most four bytes each.
_ALWAYS_SHORT = MAX_NAME_BYTES // 4
_NAMESPACE = re.compile(rf"[A-Za-z0-9_][A-Za-z0-9._-]{{0,{MAX_NAMESPACE_CHARS - 1}}}")


def category(name: str) -> str:
    """What stands before the first `-`; the whole name where there is none."""
    return name.partition("-")[0]


def stream_id(name: str) -> str | None:
    """What stands after the first `-` (Message DB's `id`); None where there is none."""
    _, dash, rest = name.partition("-")
    return rest if dash else None


def cardinal_id(name: str) -> str | None:
    """The id up to its first `+`, by which a stream belongs to a member; None without an id."""
    _, dash, rest = name.partition("-")
    return rest.partition("+")[0] if dash else None


def is_category(name: str) -> bool:
    """Whether the name has no `-`."""
    return "-" not in name


def check_stream_name(name: str, path: str) -> str:
    """The name itself, if a stream may be called so."""
    # isprintable() is False for every control character and surrogate, and for some characters
    # that are allowed, which _check_text sorts out.
    if not (0 < len(name) <= _ALWAYS_SHORT and name.isprintable()):
        _check_text(name, "stream name", path)
    return name


def check_message_type(name: str, path: str) -> str:
    """The type itself, if a message may have it."""
    if not (0 < len(name) <= _ALWAYS_SHORT and name.isprintable()):
        _check_text(name, "message type", path)
    return name


def check_category(name: str, path: str) -> str:
    """The name itself, if it may be a category's: a name without `-`."""
    if not (0 < len(name) <= _ALWAYS_SHORT and name.isprintable()):
        _check_text(name, "category", path)
    if "-" in name:
        raise InvalidRequest(f"{path}: {name} must be a category (no '-' in it)", path=path)
    return name


def check_namespace_id(name: str, path: str) -> str:
    """The id itself, if a namespace may have it: 1 to 200 ASCII letters, digits, `-`, `_`, `.`."""
    if not is_namespace_id(name):
        raise InvalidRequest(
            f"{path}: a namespace id is 1 to {MAX_NAMESPACE_CHARS} characters from ASCII letters,"
            " digits, '-', '_' and '.', and does not start with '.' or '-'",
            path=path,
        )
    return name


def is_namespace_id(name: str) -> bool:
    """Whether a namespace may have this id."""
    return _NAMESPACE.fullmatch(name) is not None


def _check_text(text: str, what: str, path: str) -> None:
    if not 1 <= len(text) <= MAX_NAME_CHARS:
        raise InvalidRequest(
            f"{path}: a {what} has 1 to {MAX_NAME_CHARS} characters, not {len(text)}", path=path
        )
    if any(unicodedata.category(char) == "Cc" for char in text):
        raise InvalidRequest(f"{path}: a {what} has no control characters", path=path)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidRequest(f"{path}: a {what} has no lone surrogates", path=path) from None
    if size > MAX_NAME_BYTES:
        raise InvalidRequest(
            f"{path}: a {what} has at most {MAX_NAME_BYTES} bytes of UTF-8, not {size}", path=path
        )
