"""A namespace as its users have it: write, read, follow.

The HTTP server is one user of this class, a trio program that embeds mdb another.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import msgspec

import actors
from mdb.core import ids, jsonrules, names
from mdb.core.errors import (
    AuthUnauthorized,
    BackendUnavailable,
    DeadlinePassed,
    InvalidRequest,
    MessageIdConflict,
    Overloaded,
    StreamVersionConflict,
    WriteUncertain,
)
from mdb.core.messages import (
    DEFAULT_BATCH_SIZE,
    MAX_BATCH_SIZE,
    Append,
    CategoryQuery,
    Follow,
    IdConflict,
    NamespaceRecord,
    NewMessage,
    Outcome,
    Page,
    Poke,
    Query,
    StreamQuery,
    VersionConflict,
    Written,
)
from mdb.feed import Feed
from mdb.follow import Follower
from mdb.message import CategoryMessage, StreamMessage, WriteResult
from mdb.stores.base import NamespaceStore

DEFAULT = "default"

Actors: TypeAlias = actors.Registry[str, actors.GroupCommitActor[Append, Outcome]]

_stream_messages = msgspec.json.Decoder(list[StreamMessage]).decode
_category_messages = msgspec.json.Decoder(list[CategoryMessage]).decode


class Namespace:
    """One namespace. Get one from `Database.namespace`; it lives as long as the database is open.

    Every method may be cancelled; a write that was taken up is carried out all the same.
    """

    def __init__(
        self,
        record: NamespaceRecord,
        store: NamespaceStore,
        running: Actors,
    ) -> None:
        """Made by `Database`. `running` starts the namespace's actor when it is needed.

        `gone`: it was deleted. `revoked`: how often its token was replaced.
        """
        self.record = record
        self.store = store
        self.feed = Feed(ordered=store.ordered, look_soon=store.look_soon)
        self.gone = False
        self.revoked = 0
        self._actors = running

    def actor(self) -> actors.GroupCommitActor[Append, Outcome]:
        """Make the actor that will own the write side; for the registry of actors."""
        return actors.GroupCommitActor(self.store, publish=self.feed.publish, name=self.id)

    @property
    def id(self) -> str:
        """The namespace's id."""
        return self.record.id

    @property
    def is_default(self) -> bool:
        """Whether it is the namespace whose token is the admin's."""
        return self.record.id == DEFAULT

    # Writing

    async def write(
        self,
        stream: str,
        type: str,  # noqa: A002  (the field's standard name)
        data: Any,  # noqa: ANN401  (any JSON value)
        metadata: dict[str, Any] | None = None,
        *,
        id: str | None = None,  # noqa: A002
        expected_version: int | None = None,
    ) -> WriteResult:
        """Write one message; it is durable when this returns.

        `data` is anything that msgspec makes JSON of, or a `msgspec.Raw` JSON text. `id` is the
        idempotency key (a UUID): the same message again is answered with the first one's
        positions. `expected_version`: the stream's version before the write, -1 for no stream.

        Raises `InvalidRequest`, `StreamVersionConflict`, `MessageIdConflict`, `Overloaded`,
        `BackendUnavailable`, `WriteUncertain`. Cancelled, it may or may not have been written.
        """
        names.check_stream_name(stream, "stream")
        names.check_message_type(type, "type")
        message = NewMessage(
            id=ids.new_id() if id is None else ids.parse_uuid(id, "id"),
            stream=stream,
            type=type,
            data=jsonrules.check(_to_json(data), "data"),
            metadata=None if metadata is None else jsonrules.check(_to_json(metadata), "metadata"),
            own_id=id is not None,
            correlation=_correlation(metadata),
        )
        expect = () if expected_version is None else ((stream, expected_version),)
        written = await self.append(Append((message,), expect))
        position, global_position = written.positions[0]
        return WriteResult(position, global_position, ids.format_uuid(message.id))

    async def append(self, append: Append, deadline: float = math.inf) -> Written:
        """Put a checked write into the queue and wait for its outcome.

        `deadline`: trio time. Not begun by then, it is not written (`DeadlinePassed`); begun,
        the outcome is waited for a little longer, then `WriteUncertain`.
        """
        if self.gone:
            raise AuthUnauthorized("the namespace was deleted")
        try:
            outcome: Outcome = await self._actors.ask(
                self.record.incarnation, append, append.size, deadline
            )
        except actors.ActorError as exc:
            raise _translated(exc, append) from exc
        return _checked(outcome)

    # Reading

    async def get(
        self,
        stream: str,
        *,
        position: int | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        backward: bool = False,
        type: str | None = None,  # noqa: A002
    ) -> list[StreamMessage]:
        """Read a stream from a position, inclusive (default its beginning, or end if backward).

        `batch_size`: at most how many messages, 0 to 10,000.
        """
        names.check_stream_name(stream, "stream")
        query = StreamQuery(stream, position=position, backward=backward, type=type)
        return _stream_messages(await self._rows(query, batch_size))

    async def category(
        self,
        category: str,
        *,
        position: int | None = None,
        batch_size: int = DEFAULT_BATCH_SIZE,
        backward: bool = False,
        type: str | None = None,  # noqa: A002
        correlation: str | None = None,
        consumer_group: tuple[int, int] | None = None,
    ) -> list[CategoryMessage]:
        """Read a category from a global position, inclusive.

        `consumer_group` is (member, size): the part of the streams that is this member's.
        """
        names.check_category(category, "category")
        query = CategoryQuery(
            category,
            position=position,
            backward=backward,
            type=type,
            correlation=correlation,
            group=consumer_group,
        )
        return _category_messages(await self._rows(query, batch_size))

    async def last(self, stream: str, type: str | None = None) -> StreamMessage | None:  # noqa: A002
        """Read a stream's last message (of that type), or None."""
        row = await self.store.last(stream, type)
        return None if row is None else msgspec.json.decode(row, type=StreamMessage)

    async def version(self, stream: str) -> int | None:
        """Return the position of a stream's last message, or None where it has none."""
        return await self.store.version(stream)

    async def _rows(self, query: Query, limit: int) -> bytes:
        if not 0 <= limit <= MAX_BATCH_SIZE:
            raise InvalidRequest(f"batch_size must be from 0 to {MAX_BATCH_SIZE}")
        parts: list[bytes] = []
        following: Query | None = query
        rest: int | None = limit
        while following is not None:
            page, following, rest = await self.page(following, rest)
            parts.append(page)
        return b"[" + b",".join(part for part in parts if part) + b"]"

    async def page(self, query: Query, limit: int | None) -> tuple[bytes, Query | None, int | None]:
        """Read the next page of an answer that may be larger than one.

        `limit`: how many messages are still wanted, None for all up to the head as it stands at
        the first call. Returns the rows, the query that goes on from there (None: that was all),
        and what is still wanted.
        """
        if limit == 0:
            return b"", None, 0
        if limit is None and query.upto is None:
            query = msgspec.structs.replace(query, upto=await self.store.head())
        page = await self.store.read(query, MAX_BATCH_SIZE if limit is None else limit)
        rest = None if limit is None else limit - page.count
        if not page.more or rest == 0:
            return page.rows, None, 0
        return page.rows, _after(query, page), rest

    # Following

    @asynccontextmanager
    async def subscribe(
        self,
        *,
        stream: str | None = None,
        category: str | None = None,
        all: bool = False,  # noqa: A002
        position: int | None = None,
        consumer_group: tuple[int, int] | None = None,
        correlation: str | None = None,
    ) -> AsyncGenerator[Subscription]:
        """Follow a stream, a category, or everything: history first, then what is written.

        Exactly one of `stream`, `category`, `all`. `position` is inclusive: a stream position
        for a stream, a global position otherwise; default the beginning. From the moment the
        block is entered nothing is missed.

            async with ns.subscribe(category="account") as pokes:
                async for poke in pokes:
                    ...
        """
        if [stream is not None, category is not None, all].count(True) != 1:
            raise InvalidRequest("exactly one of stream, category and all is needed")
        first = max(position or 0, 0)
        after = 0 if stream is not None else max(first - 1, 0)
        if stream is not None:
            follow = Follow("stream", names.check_stream_name(stream, "stream"), min_position=first)
        elif category is not None:
            names.check_category(category, "category")
            follow = Follow("category", category, consumer_group, correlation)
        else:
            follow = Follow("all")
        follower = self.follow(follow, after)
        try:
            yield Subscription(follower)
        finally:
            follower.close()

    def follow(self, follow: Follow, after: int) -> Follower:
        """Register a follower, to be closed by the caller. Sync: nothing later is missed."""
        return Follower(self.store, self.feed, follow, after)


class Subscription:
    """The pokes of a subscription, one after the other: `async for poke in pokes`."""

    def __init__(self, follower: Follower) -> None:
        """Made by `Namespace.subscribe`."""
        self._follower = follower
        self._waiting: Sequence[Poke] = ()
        self._next = 0

    def __aiter__(self) -> Subscription:
        """Iterate over the pokes; the iteration ends only by an error or cancellation."""
        return self

    async def __anext__(self) -> Poke:
        """Wait for the next poke. Cancelled, it has taken none. Raises `mdb.Ended`."""
        while self._next >= len(self._waiting):
            delivery = await self._follower.receive()
            self._waiting, self._next = delivery.pokes, 0
        poke = self._waiting[self._next]
        self._next += 1
        return poke


def _to_json(value: Any) -> bytes:  # noqa: ANN401
    return bytes(value) if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)


def _correlation(metadata: dict[str, Any] | None) -> str | None:
    name = (metadata or {}).get("correlationStreamName")
    if not isinstance(name, str):
        return None
    return names.category(names.check_stream_name(name, "metadata.correlationStreamName"))


def _after(query: Query, page: Page) -> Query:
    step = -1 if query.backward else 1
    if isinstance(query, StreamQuery):
        return msgspec.structs.replace(query, position=page.last + step, from_global=None)
    return msgspec.structs.replace(query, position=page.last + step)


def _checked(outcome: Outcome) -> Written:
    match outcome:
        case Written():
            return outcome
        case VersionConflict(stream, expected, actual):
            raise StreamVersionConflict(stream, expected, actual)
        case IdConflict(message_id):
            text = ids.format_uuid(message_id)
            raise MessageIdConflict(
                f"message id {text} is stored with other content", details={"id": text}
            )


def _translated(exc: actors.ActorError, append: Append) -> Exception:
    """Say an actor's error in the words of the contract."""
    match exc:
        case actors.DeadlinePassed():
            return DeadlinePassed("the deadline passed before the write began; nothing was written")
        case actors.OutcomeUnknown():
            return WriteUncertain([ids.format_uuid(m.id) for m in append.messages])
        case actors.Overloaded():
            return Overloaded("the namespace's write queue is full", retry_after=1)
        case actors.Down():
            return Overloaded("the namespace takes no writes: it is shutting down", retry_after=1)
        case _:
            return BackendUnavailable(str(exc), retry_after=1)
