"""The arguments that come as objects, and the rules they share.

An unknown key is refused: `expectedversion` in a write would otherwise be a lost lock.
"""

from __future__ import annotations

import msgspec

from mdb.core import ids, jsonrules, names
from mdb.core.errors import InvalidRequest, PayloadTooLarge
from mdb.core.messages import DEFAULT_BATCH_SIZE, MAX_BATCH_SIZE, NewMessage
from mdb.core.metadata import check_metadata
from mdb.core.versions import MAX_VERSION

MAX_POSITION = MAX_VERSION

MAX_GROUP_SIZE = 32_767

LIST_DEFAULT = 100
LIST_MAX = 1000


# What a left-out JSON value is taken for. (msgspec reads no `Raw | None`.)
_NULL = msgspec.Raw(b"null")


class MessageArgument(msgspec.Struct, forbid_unknown_fields=True):
    """A message to write: its type, its data (any JSON value), its metadata (object or null)."""

    type: str
    data: msgspec.Raw
    metadata: msgspec.Raw = _NULL


class WriteOptions(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """`id`: the idempotency key. `expectedVersion`: the stream's version before the write."""

    id: str | None = None
    expected_version: int | None = None


class BatchMessageArgument(MessageArgument, forbid_unknown_fields=True):
    """A message of a batch, which carries its own idempotency key."""

    id: str | None = None


class VersionOption(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """`expectedVersion`: the stream's version before the batch."""

    expected_version: int | None = None


class TransactItem(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A write of a transaction: `[stream, message, {id?, expectedVersion?}]`."""

    stream: str
    message: MessageArgument
    options: WriteOptions | None = None


class TransactOptions(msgspec.Struct, forbid_unknown_fields=True):
    """`check`: streams, written or not, with their versions before the transaction."""

    check: dict[str, int] | None = None


class GroupArgument(msgspec.Struct, forbid_unknown_fields=True):
    """A consumer group: which member of how many."""

    member: int
    size: int


class StreamReadOptions(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """Options of `stream.get`."""

    position: int | None = None
    global_position: int | None = None
    batch_size: int | None = None
    direction: str | None = None
    type: str | None = None


class CategoryReadOptions(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """Options of `category.get`."""

    position: int | None = None
    global_position: int | None = None
    batch_size: int | None = None
    direction: str | None = None
    type: str | None = None
    correlation: str | None = None
    consumer_group: GroupArgument | None = None


class NamespaceReadOptions(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """Options of `ns.get`."""

    global_position: int | None = None
    batch_size: int | None = None
    direction: str | None = None
    type: str | None = None


class StreamsOptions(msgspec.Struct, forbid_unknown_fields=True):
    """Which streams: names that begin with `prefix`, at most `limit`, above the name `cursor`."""

    prefix: str | None = None
    limit: int | None = None
    cursor: str | None = None


class TypeOption(msgspec.Struct, forbid_unknown_fields=True):
    """Options of `stream.last`."""

    type: str | None = None


class Place(msgspec.Struct, frozen=True):
    """Where the parts of a message stand in a call."""

    message: str
    type: str
    data: str
    metadata: str
    id: str


def place(path: str, id_path: str) -> Place:
    """Return the place of a message, whose id may stand elsewhere."""
    return Place(path, f"{path}.type", f"{path}.data", f"{path}.metadata", id_path)


def message(
    argument: MessageArgument, stream: str, given_id: str | None, at: Place, *, limit: int
) -> NewMessage:
    """Check a message and make it what a store writes.

    `limit`: bytes that data and metadata may have together.
    """
    names.check_message_type(argument.type, at.type)
    data = jsonrules.check(bytes(argument.data), at.data)
    metadata = correlation = None
    if argument.metadata is not _NULL:  # not left out
        metadata, correlation = check_metadata(argument.metadata, at.metadata)
    size = len(data) if metadata is None else len(data) + len(metadata)
    if size > limit:
        raise PayloadTooLarge(
            f"the message has {size} bytes, the limit is {limit}", details={"path": at.message}
        )
    return NewMessage(
        ids.new_id() if given_id is None else ids.parse_uuid(given_id, at.id),
        stream,
        argument.type,
        data,
        metadata,
        given_id is not None,
        correlation,
    )


def position(value: int | None, name: str, path: str) -> int | None:
    """Check a position. A negative one is the beginning."""
    if value is None:
        return None
    if value > MAX_POSITION:
        raise InvalidRequest(f"{name} is larger than any position", path=f"{path}.{name}")
    return max(value, 0)


def listing_limit(value: int | None, path: str) -> int:
    """Check how many entries of a listing are wanted: 1 to 1000, default 100."""
    if value is None:
        return LIST_DEFAULT
    if not 1 <= value <= LIST_MAX:
        raise InvalidRequest(f"limit must be from 1 to {LIST_MAX}", path=f"{path}.limit")
    return value


def batch_size(value: int | None, path: str) -> int:
    """Check a batch size: how many messages, or -1 for all."""
    if value is None:
        return DEFAULT_BATCH_SIZE
    if not -1 <= value <= MAX_BATCH_SIZE:
        raise InvalidRequest(
            f"batchSize must be from 0 to {MAX_BATCH_SIZE}, or -1 for all", path=f"{path}.batchSize"
        )
    return value


def backward(direction: str | None, path: str) -> bool:
    """Check a direction."""
    if direction not in (None, "forward", "backward"):
        raise InvalidRequest('direction must be "forward" or "backward"', path=f"{path}.direction")
    return direction == "backward"


def message_type(value: str | None, path: str) -> str | None:
    """Check a type filter."""
    return None if value is None else names.check_message_type(value, f"{path}.type")


def correlation(value: str | None, path: str) -> str | None:
    """Check a correlation category."""
    return None if value is None else names.check_category(value, f"{path}.correlation")


def group(value: GroupArgument | None, path: str) -> tuple[int, int] | None:
    """Check a consumer group."""
    if value is None:
        return None
    return checked_group(value.member, value.size, f"{path}.consumerGroup")


def checked_group(member: int, size: int, path: str) -> tuple[int, int]:
    """Check a member and a size: 0 <= member < size <= 32767."""
    if not 1 <= size <= MAX_GROUP_SIZE:
        raise InvalidRequest(
            f"consumer group size must be from 1 to {MAX_GROUP_SIZE}", path=f"{path}.size"
        )
    if not 0 <= member < size:
        raise InvalidRequest(
            f"consumer group member must be from 0 to size - 1, which is {size - 1}",
            path=f"{path}.member",
        )
    return member, size
