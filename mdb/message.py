"""Messages as an embedding program sees them. Their fields are the wire's arrays, in order."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


class Message(msgspec.Struct, frozen=True):
    """A message to write: `write_batch` and `transact` take several.

    `data` is anything that msgspec makes JSON of, or a `msgspec.Raw` JSON text; `id` is the
    idempotency key, a UUID.
    """

    type: str
    data: Any
    metadata: dict[str, Any] | None = None
    id: str | None = None


class WriteResult(msgspec.Struct, frozen=True):
    """Where a message was written. `global_position` is at least 1, `position` at least 0."""

    position: int
    global_position: int
    id: str


class StreamMessage(msgspec.Struct, frozen=True, array_like=True):
    """A message read from its stream."""

    id: UUID
    type: str
    position: int
    global_position: int
    data: Any
    metadata: Any
    time: datetime


class CategoryMessage(msgspec.Struct, frozen=True, array_like=True):
    """A message read from a category or from the whole namespace."""

    id: UUID
    stream: str
    type: str
    position: int
    global_position: int
    data: Any
    metadata: Any
    time: datetime


class StreamSummary(msgspec.Struct, frozen=True):
    """A stream in a listing: its last position, and the time of its last message."""

    stream: str
    version: int
    last_activity: datetime
