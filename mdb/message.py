"""Messages as an embedding program sees them. Their fields are the wire's arrays, in order."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec


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
