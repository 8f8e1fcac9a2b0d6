"""What the log wants to know of the request that a task works for."""

from contextvars import ContextVar

REQUEST_ID: ContextVar[str | None] = ContextVar("mdb_request_id", default=None)
"""The id of the request being answered, None outside of any; in each log line of its task.

Whoever takes a request up sets it; it need not be reset where each request sets it anew.
"""
