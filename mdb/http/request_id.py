"""The id that a request, its answer and its log lines share."""

import re

from mdb.request_context import fresh_request_id

__all__ = ["fresh_request_id", "sane_request_id"]

_SANE = re.compile(r"[!-~]{1,128}", re.ASCII)


def sane_request_id(candidate: str | None) -> str | None:
    """Return the client's own id if it is 1 to 128 visible ASCII characters, else None.

    Anything else could break a log line or an answer's header apart.
    """
    if candidate is not None and _SANE.fullmatch(candidate):
        return candidate
    return None
