"""The writing side of a namespace: one message, many of one stream, many of many streams.

Whatever is written becomes one `Append`, which the namespace's actor commits with whatever else
waits: all of it or nothing, durable when it is answered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
import trio

import actors
from actors.mailbox import MAX_BYTES, MAX_COUNT
from mdb.core import ids, jsonrules, names
from mdb.core.errors import (
    AuthUnauthorized,
    BackendUnavailable,
    DeadlinePassed,
    InvalidRequest,
    MessageIdConflict,
    Overloaded,
    PayloadTooLarge,
    StreamVersionConflict,
    WriteUncertain,
)
from mdb.core.messages import (
    MAX_MESSAGES_PER_WRITE,
    Append,
    Closed,
    IdConflict,
    NamespaceRecord,
    NewMessage,
    Outcome,
    VersionConflict,
    Written,
)
from mdb.core.versions import merge_expected
from mdb.message import Message, WriteResult
from mdb.stores.continuity import closed


class QueueBounds(msgspec.Struct, frozen=True):
    """What may wait in a namespace's write queue; more is refused (`Overloaded`).

    `writes`: calls, at least 1, whatever each of them holds. `size`: bytes of all of them together;
    a write that is larger by itself is never taken.
    """

    writes: int = MAX_COUNT
    size: int = MAX_BYTES


Actors: TypeAlias = actors.Registry[str, actors.GroupCommitActor[Append, Outcome]]


class Writing:
    """What `Namespace` can write. Every method may be cancelled; what was taken up is written."""

    record: NamespaceRecord
    gone: bool
    _actors: Actors
    _queue: QueueBounds

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
        append = append_one(stream, Message(type, data, metadata, id), expected_version)
        return results(append, await self.append(append))[0]

    async def write_batch(
        self,
        stream: str,
        messages: Iterable[Message],
        *,
        expected_version: int | None = None,
    ) -> list[WriteResult]:
        """Write 1 to 1000 messages to one stream, side by side, all or none; durable on return.

        `expected_version`: the stream's version before the first of them. Repeatable where every
        message has an id: stored and equal, they are answered with their first positions; where
        only some are stored, `MessageIdConflict`.

        Raises and cancels as `write`; `InvalidRequest.details["index"]` names the message.
        """
        append = append_batch(stream, messages, expected_version)
        return results(append, await self.append(append))

    async def transact(
        self,
        writes: Iterable[tuple[str, Message]],
        *,
        check: Mapping[str, int] | None = None,
    ) -> list[WriteResult]:
        """Write 1 to 1000 (stream, message) pairs to any streams, all or none; durable on return.

        `check`: stream to its version before the transaction, -1 for no stream, at most 1000 of
        them; for streams that are written and for others, which it guards without writing them.
        Repeatable as `write_batch`; the versions are then not judged again.

        Raises and cancels as `write`; `InvalidRequest.details["index"]` names the write.
        """
        append = append_transaction(writes, check)
        return results(append, await self.append(append))

    async def append(self, append: Append, deadline: float = math.inf) -> Written:
        """Put a checked write into the queue and wait for its outcome.

        `deadline`: trio time. Not begun by then, it is not written (`DeadlinePassed`); begun,
        the outcome is waited for a little longer, then `WriteUncertain`.
        """
        if self.gone:
            raise _deleted()
        size = append.size
        if size > self._queue.size:
            raise self._too_large(size)
        try:
            actor = self._actors.get(self.record.incarnation) or await self._start(deadline)
            outcome = await actor.mailbox.put(append, size, deadline).wait()
        except actors.ActorError as exc:
            raise self._refusal(exc, append) from exc
        return checked(append, outcome)

    def enqueue(
        self, append: Append, deadline: float, done: Callable[[Written | Exception], None]
    ) -> bool:
        """Put a checked write into the queue, and have `done` told what became of it.

        Does as `append`, for those who have no task that could wait. Sync; `done` is called once,
        by the actor, with what `append` would have returned or raised, and must not raise.

        Returns False, and has done nothing, where the actor must be started first. Raises what
        refuses the write at once.
        """
        if self.gone:
            raise _deleted()
        size = append.size
        if size > self._queue.size:
            raise self._too_large(size)
        actor = self._actors.get(self.record.incarnation)
        if actor is None:
            return False
        try:
            actor.mailbox.put(append, size, deadline, lambda call: done(self._outcome(call)))
        except actors.ActorError as exc:
            raise self._refusal(exc, append) from exc
        return True

    def _outcome(self, call: actors.Call[Append, Outcome]) -> Written | Exception:
        """Return what became of a write that has its answer, or the exception that says it."""
        try:
            return checked(call.question, call.result())
        except actors.ActorError as exc:
            return self._refusal(exc, call.question)
        except Exception as exc:  # handed to the caller as what became of it
            return exc

    def _refusal(self, exc: actors.ActorError, append: Append) -> Exception:
        """Say an actor's error in the words of the contract."""
        if self.gone and isinstance(exc, actors.Down):
            return _deleted()  # which is why the actor ended, perhaps while it was started
        return _translated(exc, append)

    def _too_large(self, size: int) -> PayloadTooLarge:
        """Say of a write that would be refused however empty the queue is, why."""
        return PayloadTooLarge(f"the write has {size} bytes, the queue holds {self._queue.size}")

    async def append_all(
        self, appends: Sequence[Append], deadline: float = math.inf
    ) -> list[Written | Exception]:
        """Put several checked writes into the queue side by side; wait for all their outcomes.

        Each is a write of its own: in the place of one that failed is what `append` would have
        raised. They are taken in together or not at all (`Overloaded` for every one).
        Cancelled, it abandons the outcomes, never the writes.
        """
        if self.gone:
            return [_deleted() for _ in appends]
        sizes = [append.size for append in appends]
        refused = [self._too_large(n) if n > self._queue.size else None for n in sizes]
        fitting = [a for a, fault in zip(appends, refused, strict=True) if fault is None]
        taken = iter(await self._outcomes(fitting, deadline))
        return [next(taken) if fault is None else fault for fault in refused]

    async def _outcomes(
        self, appends: Sequence[Append], deadline: float
    ) -> list[Written | Exception]:
        try:
            calls = await self._put_all(appends, deadline)
        except actors.ActorError as exc:
            return [self._refusal(exc, append) for append in appends]
        except Exception as exc:  # the actor could not be started
            return [exc for _ in appends]
        for call in calls:
            await call.wait_done()
        return [self._outcome(call) for call in calls]

    async def _start(self, deadline: float) -> actors.GroupCommitActor[Append, Outcome]:
        """Return the actor, once it runs."""
        with trio.move_on_at(deadline):
            return await self._actors.obtain(self.record.incarnation)
        raise actors.DeadlinePassed

    async def _put_all(
        self, appends: Sequence[Append], deadline: float
    ) -> list[actors.Call[Append, Outcome]]:
        actor = self._actors.get(self.record.incarnation) or await self._start(deadline)
        return actor.mailbox.put_all([(append, append.size) for append in appends], deadline)


def _deleted() -> AuthUnauthorized:
    return AuthUnauthorized("the namespace was deleted")


def append_one(stream: str, message: Message, expected_version: int | None) -> Append:
    """Check one message and what is expected of its stream. Raises `InvalidRequest`."""
    names.check_stream_name(stream, "stream")
    expect = merge_expected([(stream, expected_version, "expected_version")])
    return Append((_new_message(stream, message),), expect)


def append_batch(stream: str, messages: Iterable[Message], expected_version: int | None) -> Append:
    """Check messages of one stream. Raises `InvalidRequest`, which names the message."""
    names.check_stream_name(stream, "stream")
    expect = merge_expected([(stream, expected_version, "expected_version")])
    return _append_all([(stream, message) for message in messages], expect)


def append_transaction(
    writes: Iterable[tuple[str, Message]], check: Mapping[str, int] | None
) -> Append:
    """Check messages of any streams, and what is expected. Raises `InvalidRequest`."""
    expect = check or {}
    if len(expect) > MAX_MESSAGES_PER_WRITE:
        raise InvalidRequest(f"check names more than {MAX_MESSAGES_PER_WRITE} streams")
    for stream in expect:
        names.check_stream_name(stream, "check")
    merged = merge_expected((s, version, "check") for s, version in expect.items())
    return _append_all(list(writes), merged)


def _append_all(
    writes: Sequence[tuple[str, Message]], expect: tuple[tuple[str, int], ...]
) -> Append:
    check_count(len(writes), "messages")
    messages = []
    for index, (stream, message) in enumerate(writes):
        with AtIndex(index):
            names.check_stream_name(stream, "stream")
            messages.append(_new_message(stream, message))
    check_ids(messages, "messages[{}].id")
    return Append(tuple(messages), expect)


class AtIndex:
    """Name the item of a batch in whatever its checks raise."""

    __slots__ = ("_index",)

    def __init__(self, index: int) -> None:
        self._index = index

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, InvalidRequest | PayloadTooLarge):
            error.details.setdefault("index", self._index)


def check_count(count: int, path: str) -> None:
    """Refuse an empty write, and one of more than 1000 messages."""
    if not 1 <= count <= MAX_MESSAGES_PER_WRITE:
        raise InvalidRequest(
            f"a write holds 1 to {MAX_MESSAGES_PER_WRITE} messages, not {count}", path=path
        )


def check_ids(messages: Sequence[NewMessage], path: str) -> None:
    """Refuse an id that is given twice. `path` has a place for the message's index."""
    seen: dict[bytes, int] = {}
    for index, message in enumerate(messages):
        first = seen.setdefault(message.id, index)
        if first != index:
            raise InvalidRequest(
                f"the id {ids.format_uuid(message.id)} is given twice, first at index {first}",
                path=path.format(index),
                index=index,
            )


def _new_message(stream: str, message: Message) -> NewMessage:
    names.check_message_type(message.type, "type")
    metadata = message.metadata
    return NewMessage(
        id=ids.new_id() if message.id is None else ids.parse_uuid(message.id, "id"),
        stream=stream,
        type=message.type,
        data=jsonrules.check(_to_json(message.data), "data"),
        metadata=None if metadata is None else jsonrules.check(_to_json(metadata), "metadata"),
        own_id=message.id is not None,
        correlation=_correlation(metadata),
    )


def _to_json(value: Any) -> bytes:  # noqa: ANN401
    return bytes(value) if isinstance(value, msgspec.Raw) else msgspec.json.encode(value)


def _correlation(metadata: dict[str, Any] | None) -> str | None:
    name = (metadata or {}).get("correlationStreamName")
    if not isinstance(name, str):
        return None
    return names.category(names.check_stream_name(name, "metadata.correlationStreamName"))


def results(append: Append, written: Written) -> list[WriteResult]:
    """Return where the messages of a write stand, in their order."""
    return [
        WriteResult(position, global_position, ids.format_uuid(message.id))
        for message, (position, global_position) in zip(
            append.messages, written.positions, strict=True
        )
    ]


def checked(append: Append, outcome: Outcome) -> Written:
    """Raise what became of a write that did not stand: a conflict."""
    match outcome:
        case Written():
            return outcome
        case Closed():
            raise closed()
        case VersionConflict(stream, expected, actual):
            raise StreamVersionConflict(stream, expected, actual)
        case IdConflict(message_id):
            text = ids.format_uuid(message_id)
            index = None
            if len(append.messages) > 1:
                found = (i for i, m in enumerate(append.messages) if m.id == message_id)
                index = next(found, None)
            raise MessageIdConflict(
                f"message id {text} is stored with other content, or without the rest of its call"
                if index is not None
                else f"message id {text} is stored with other content",
                details={"id": text},
                index=index,
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
