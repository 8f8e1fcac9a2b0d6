"""What can be wrong with a database's URL. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

_NOT_ENCODED = (
    "a character of the user's name or password such as / ? # [ or @ must be percent-encoded, "
    "and a port be a number"
)


def postgres_fault(url: str) -> str | None:
    """Say what is wrong with a Postgres URL, without quoting it; None for nothing.

    A password with a `/`, `?` or `#` in it ends the authority too early: what comes before looks
    like a host and a port, and would be told and shown as such.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"not a URL: {_NOT_ENCODED}"
    hosts = parts.netloc.rpartition("@")[2].split(",")
    ports = [host.rpartition("]")[2].partition(":")[2] for host in hosts]
    bad_port = any(port and not (port.isascii() and port.isdigit()) for port in ports)
    # The `@` that should have been in the authority.
    if bad_port or "@" in parts.path + parts.fragment + parts.query.partition("=")[0]:
        return _NOT_ENCODED
    return None
