"""The verdict that ends a connection.

The codes are those of the HTTP contract. Malformed or unsupported framing is INVALID_REQUEST
with the status HTTP has for it: 400, 411 without a length, 417 for another expectation than
100-continue, 501 for codings and versions that are not served. The rest have a code for each
status: 408 REQUEST_TIMEOUT, 413 PAYLOAD_TOO_LARGE, 431 HEADERS_TOO_LARGE, 503 OVERLOADED.
"""

from mdb.http.limits import Limits


class Refused(Exception):
    """The request cannot be served, and nothing after it can be trusted.

    A verdict on the client's bytes, not a fault of ours. The connection ends with this answer.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def bad_request(message: str, status: int = 400) -> Refused:
    """Refuse malformed or unsupported framing."""
    return Refused(status, "INVALID_REQUEST", message)


def too_large(limits: Limits) -> Refused:
    """Refuse a body over its limit."""
    return Refused(413, "PAYLOAD_TOO_LARGE", f"the body is over {limits.max_body} bytes")
