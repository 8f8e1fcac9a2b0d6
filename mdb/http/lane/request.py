"""A request of the lane: how far it has come, and what is known of it once it is complete."""

import enum

import msgspec


class Progress(enum.Enum):
    """How far the current request has come."""

    IDLE = enum.auto()
    """Not one byte of it is here."""
    HEAD = enum.auto()
    """Its head has begun to arrive."""
    BODY = enum.auto()
    """Its head is here, and it is for the lane."""
    READY = enum.auto()
    """It is complete: `Incoming.take` it."""
    FOREIGN = enum.auto()
    """It is not for the lane: hand `Incoming.unread` over."""


class Request(msgspec.Struct, frozen=True, gc=False):
    """A complete ``POST /rpc``."""

    body: bytes
    authorization: str | None
    request_id: str | None
    """As the client sent it."""
    origin: str | None
    keep_alive: bool
    """The client wants the connection to stay."""
    old: bool
    """HTTP/1.0: no chunked answers, and keeping the connection must be said."""
