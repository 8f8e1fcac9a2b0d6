"""What the log wants to know of the request that a task works for."""

import random
from contextvars import ContextVar
from itertools import count

REQUEST_ID: ContextVar[str | None] = ContextVar("mdb_request_id", default=None)
"""The id of the request being answered, None outside of any; in each log line of its task.

Whoever takes a request up sets it; it need not be reset where each request sets it anew.
"""

_random = random.Random()  # noqa: S311  (an id is no secret)
_process = f"{_random.getrandbits(64):016x}"
_numbers = count(1 << 60 | _random.getrandbits(48))  # of 16 hex digits for ever


def fresh_request_id() -> str:
    """Make an id of 32 hex digits, unique for all practical purposes. Not for secrets.

    The first half is this process's own, the other counts.
    """
    return f"{_process}{next(_numbers):x}"
