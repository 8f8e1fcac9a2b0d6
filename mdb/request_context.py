"""What the log wants to know of the request that a task works for."""

import random
from contextvars import ContextVar

REQUEST_ID: ContextVar[str | None] = ContextVar("mdb_request_id", default=None)
"""The id of the request being answered, None outside of any; in each log line of its task.

Whoever takes a request up sets it; it need not be reset where each request sets it anew.
"""

_random = random.Random()  # noqa: S311  (an id is no secret)


def fresh_request_id() -> str:
    """Make an id of 32 hex digits, unique for all practical purposes. Not for secrets."""
    return f"{_random.getrandbits(128):032x}"
