"""The limits of the HTTP server: sizes in bytes, times in seconds."""

import msgspec

KIB = 1024
MIB = 1024 * KIB


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Every bound the HTTP server enforces. All numbers are positive.

    Times are looked at by one task every ``reap_interval`` seconds, so each of them may be
    overstepped by that much.
    """

    max_connections: int = 16_384
    """Open client connections; the next one is told `OVERLOADED` and closed. Each costs a file
    descriptor, so the process limit must lie above it."""

    backlog: int = 1024
    """Connections the kernel keeps waiting to be accepted."""

    max_head: int = 16 * KIB
    """Request line and headers together (h11 and nginx have the same order of magnitude)."""

    max_body: int = 16 * MIB
    """The body of one request, after the chunked coding is taken off."""

    max_buffered: int = 256 * MIB
    """Bodies of the lane that have begun to arrive and are not complete, all connections
    together. What would go above it is told `OVERLOADED`."""

    handshake_timeout: float = 10.0
    """From accepting a TLS connection to the end of its handshake."""

    head_timeout: float = 15.0
    """From the first byte of a request to the end of its head."""

    idle_timeout: float = 75.0
    """Between two requests of a connection, and before the first one (nginx: 75)."""

    body_timeout: float = 60.0
    """From the end of the head to the end of the body, however steadily it trickles."""

    send_timeout: float = 30.0
    """How long a client may take nothing of what is sent to it, an event stream included.

    Progress is looked at in pieces of 64 KiB: a client slower than that in this time counts as
    one that takes nothing."""

    stall_timeout: float = 1.0
    """What `send_timeout` becomes when draining has begun: who takes nothing holds nothing up."""

    linger_timeout: float = 2.0
    """How long the last answer of a connection is given to arrive, while what the client still
    sends is read and thrown away: closing at once would reset the connection and eat it."""

    grace: float = 10.0
    """From the start of draining to the moment everything that is left is cut off."""

    reap_interval: float = 1.0
    """How often the deadlines are looked at; four times in each `stall_timeout` while draining."""
