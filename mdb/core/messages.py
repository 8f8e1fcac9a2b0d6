"""What crosses from the callers to a store and back: writes, their outcomes, reads, pages, pokes.

Plain frozen values, shared by every layer above the pure core. A JSON text (`data`, `metadata`)
is bytes that passed `jsonrules.check`: it is stored and returned, never decoded on the way.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

# How many messages one atomic write may hold.
MAX_MESSAGES_PER_WRITE = 1000

# Pages of a read: the default and the largest batch, in messages.
DEFAULT_BATCH_SIZE = 1000
MAX_BATCH_SIZE = 10_000


class NewMessage(msgspec.Struct, frozen=True, gc=False):
    """A message to be written.

    `own_id` tells that the caller gave the id, which makes it an idempotency key: a store looks
    it up before it writes. An id made by this server needs no look-up.
    `correlation` is the category of `metadata.correlationStreamName` where that is a string.
    """

    id: bytes  # 16 bytes of a UUID
    stream: str
    type: str
    data: bytes
    metadata: bytes | None = None
    own_id: bool = False
    correlation: str | None = None


class Append(msgspec.Struct, frozen=True, gc=False):
    """One atomic write: all of its messages or none, in this order.

    `expect` holds (stream, version) pairs, each compared with the state before the write; -1
    means that the stream must not exist. A stream named there need not be written.
    """

    messages: tuple[NewMessage, ...]
    expect: tuple[tuple[str, int], ...] = ()

    @property
    def size(self) -> int:
        """Bytes it occupies in a queue, roughly: the texts, plus a flat cost for each message."""
        size = 0
        for m in self.messages:
            size += 200 + len(m.data) + len(m.stream)
            if m.metadata is not None:
                size += len(m.metadata)
        return size


class Written(msgspec.Struct, frozen=True, gc=False):
    """The write stands. `positions` are (position, globalPosition), one for each message.

    `repeated`: it already stood (same ids, equal content) and nothing was written now.
    `after`: a global position between which and this write's first there is no message, where the
    store knows one without asking again: a follower that has seen everything up to it has missed
    nothing.
    """

    positions: tuple[tuple[int, int], ...]
    repeated: bool = False
    after: int | None = None


class VersionConflict(msgspec.Struct, frozen=True, gc=False):
    """Nothing was written: `stream` stood at `actual` (-1: did not exist), not at `expected`."""

    stream: str
    expected: int
    actual: int


class IdConflict(msgspec.Struct, frozen=True, gc=False):
    """Nothing was written: `id` is stored already, with other content or without its group."""

    id: bytes


class Closed(msgspec.Struct, frozen=True, gc=False):
    """Nothing was written: the namespace takes no writes before an import in parts has ended."""


Outcome: TypeAlias = Written | VersionConflict | IdConflict | Closed


class StreamQuery(msgspec.Struct, frozen=True, gc=False):
    """A read of one stream by stream position, inclusive.

    `position` None: from the end where `backward`, else from the beginning.
    `from_global`: instead, from the first message at or above (backward: at or below) it.
    `upto`: no message above this global position (the head as it stood when the read began).
    """

    stream: str
    position: int | None = None
    from_global: int | None = None
    backward: bool = False
    type: str | None = None
    upto: int | None = None


class CategoryQuery(msgspec.Struct, frozen=True, gc=False):
    """A read of a category by global position, inclusive. `group` is (member, size)."""

    category: str
    position: int | None = None
    backward: bool = False
    type: str | None = None
    correlation: str | None = None
    group: tuple[int, int] | None = None
    upto: int | None = None


class AllQuery(msgspec.Struct, frozen=True, gc=False):
    """A read of the whole namespace by global position, inclusive."""

    position: int | None = None
    backward: bool = False
    type: str | None = None
    upto: int | None = None


Query: TypeAlias = StreamQuery | CategoryQuery | AllQuery


class Page(msgspec.Struct, frozen=True, gc=False):
    """Part of a read's answer.

    `rows` is the messages' JSON arrays joined by commas (empty where there is none), `count` how
    many they are, `last` the cursor of the last one: its stream position for a stream, its
    global position otherwise. `more`: the page was cut by its bounds and further rows may follow.
    """

    rows: bytes
    count: int
    last: int
    more: bool


class StoredMessage(msgspec.Struct, frozen=True, gc=False):
    """A message with everything that is kept of it, as it is exported and imported.

    `time`: microseconds since 1970, UTC. `correlation` is what `NewMessage` has under that name;
    an export leaves it out.
    """

    id: bytes
    stream: str
    type: str
    position: int
    global_position: int
    data: bytes
    metadata: bytes | None
    time: int
    correlation: str | None = None


class Part(msgspec.Struct, frozen=True, gc=False):
    """One part of an import that comes in several, each of which is moved in at once.

    From the first part to the last the namespace takes no other writes, whoever they come from,
    and whatever is restarted in between.
    `source` says where the messages come from, for people. `after`: global position and id of the
    message that must be the namespace's last, None where it must hold none. `last`: afterwards it
    takes writes again. `anywhere`: wherever the namespace ends, for an import that is given up.
    """

    source: str
    after: tuple[int, bytes] | None
    last: bool
    anywhere: bool = False


class Selection(msgspec.Struct, frozen=True, gc=False):
    """What an export holds: of these categories (None: of all), and of this time.

    `since` is inclusive, `until` exclusive, both in microseconds since 1970, UTC.
    """

    categories: tuple[str, ...] | None = None
    since: int | None = None
    until: int | None = None


class ExportPage(msgspec.Struct, frozen=True, gc=False):
    """Part of an export. `upto`: how far the read looked; `more`: read again from there."""

    messages: tuple[StoredMessage, ...]
    upto: int
    more: bool


class Poke(msgspec.Struct, frozen=True, gc=False):
    """Notice of one message: where it is, not what it is."""

    stream: str
    position: int
    global_position: int


class Follow(msgspec.Struct, frozen=True, gc=False):
    """What a subscriber follows: exactly one of a stream, a category, or everything.

    `min_position`: of a stream, the least stream position wanted.
    """

    kind: Literal["stream", "category", "all"]
    name: str = ""
    group: tuple[int, int] | None = None
    correlation: str | None = None
    min_position: int = 0


class PokePage(msgspec.Struct, frozen=True, gc=False):
    """Pokes of one read, in order, and how far it looked.

    Every matching message at or below `upto` and above the read's start is in `pokes`, and
    none at or below `upto` will become visible later. `more`: the read was cut by its limit or
    its window before it came to the head; read again from `upto`.
    """

    pokes: tuple[Poke, ...]
    upto: int
    more: bool


class NamespaceRecord(msgspec.Struct, frozen=True, gc=False):
    """A namespace as the registry knows it.

    `incarnation`: a UUID of its own for each creation, so that a namespace deleted and created
    again shares nothing with the old one. `location`: the store's own name for where its
    messages are (a file name, a schema). Times are microseconds since 1970, UTC.
    """

    id: str
    incarnation: str
    location: str
    created_at: int
    description: str | None = None
    metadata: bytes | None = None
    adopted: bool = False


class NamespaceStats(msgspec.Struct, frozen=True, gc=False):
    """Counts of a namespace. `head`: its highest global position, or 0."""

    message_count: int
    stream_count: int
    head: int
    last_activity: int | None


class StreamInfo(msgspec.Struct, frozen=True, gc=False):
    """A stream, its last position, and the time of its last message."""

    stream: str
    version: int
    last_activity: int


class CategoryInfo(msgspec.Struct, frozen=True, gc=False):
    """A category with how many streams and messages it holds."""

    category: str
    stream_count: int
    message_count: int
