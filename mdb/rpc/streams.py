"""`stream.*`: write a stream and read it."""

from __future__ import annotations

from typing import Any

from mdb.core.errors import InvalidRequest
from mdb.core.messages import Append, NewMessage, StreamQuery
from mdb.core.names import check_message_type, check_stream_name
from mdb.core.versions import merge_expected
from mdb.rpc import arguments as a
from mdb.rpc.context import Context
from mdb.rpc.limits import MESSAGE_BYTES
from mdb.rpc.method import Method, Parameter
from mdb.rpc.results import WriteResult, encode, read
from mdb.rpc.writes import BATCH, SINGLE, Form, write
from mdb.writing import AtIndex, check_count, check_ids

_MESSAGE = a.place("$[2]", "$[3].id")


def _prepare_write(
    stream: str, message: a.MessageArgument, options: a.WriteOptions | None
) -> tuple[Append, Form]:
    check_stream_name(stream, "$[1]")
    given_id = None if options is None else options.id
    new = a.message(message, stream, given_id, _MESSAGE, limit=MESSAGE_BYTES)
    expected = None if options is None else options.expected_version
    if expected is None:
        return Append((new,)), SINGLE
    return Append((new,), merge_expected([(stream, expected, "$[3].expectedVersion")])), SINGLE


def _prepare_batch(
    stream: str, messages: list[a.BatchMessageArgument], options: a.VersionOption | None
) -> tuple[Append, Form]:
    check_stream_name(stream, "$[1]")
    check_count(len(messages), "$[2]")
    new: list[NewMessage] = []
    for index, message in enumerate(messages):
        path = f"$[2][{index}]"
        with AtIndex(index):
            at = a.place(path, f"{path}.id")
            new.append(a.message(message, stream, message.id, at, limit=MESSAGE_BYTES))
    check_ids(new, "$[2][{}].id")
    expected = None if options is None else options.expected_version
    expect = merge_expected([(stream, expected, "$[3].expectedVersion")])
    return Append(tuple(new), expect), BATCH


def _prepare_get(
    stream: str, options: a.StreamReadOptions | None
) -> tuple[StreamQuery, int | None]:
    check_stream_name(stream, "$[1]")
    options = options or a.StreamReadOptions()
    if options.position is not None and options.global_position is not None:
        raise InvalidRequest("position and globalPosition exclude each other", path="$[2]")
    size = a.batch_size(options.batch_size, "$[2]")
    query = StreamQuery(
        stream,
        position=a.position(options.position, "position", "$[2]"),
        from_global=a.position(options.global_position, "globalPosition", "$[2]"),
        backward=a.backward(options.direction, "$[2]"),
        type=a.message_type(options.type, "$[2]"),
    )
    return query, None if size == -1 else size


def _prepare_last(stream: str, options: a.TypeOption | None) -> tuple[str, str | None]:
    check_stream_name(stream, "$[1]")
    wanted = None if options is None else options.type
    if wanted is not None:
        check_message_type(wanted, "$[2].type")
    return stream, wanted


async def _last(context: Context, stream: str, message_type: str | None) -> bytes:
    return await context.namespace.store.last(stream, message_type) or b"null"


def _prepare_version(stream: str) -> tuple[str]:
    return (check_stream_name(stream, "$[1]"),)


async def _version(context: Context, stream: str) -> bytes:
    return encode(await context.namespace.store.version(stream))


_STREAM = Parameter("stream", str)

METHODS = (
    Method(
        "stream.write",
        "Write one message to a stream.",
        "namespace",
        (
            _STREAM,
            Parameter("message", a.MessageArgument),
            Parameter("options", a.WriteOptions, required=False),
        ),
        write,
        result=WriteResult,
        prepare=_prepare_write,
        queued=True,
    ),
    Method(
        "stream.writeBatch",
        "Write messages to one stream, all or nothing.",
        "namespace",
        (
            _STREAM,
            Parameter("messages", list[a.BatchMessageArgument]),
            Parameter("options", a.VersionOption, required=False),
        ),
        write,
        result=list[WriteResult],
        prepare=_prepare_batch,
        queued=True,
    ),
    Method(
        "stream.get",
        "Read a stream.",
        "namespace",
        (_STREAM, Parameter("options", a.StreamReadOptions, required=False)),
        read,
        result=list[Any],
        prepare=_prepare_get,
        paged=True,
    ),
    Method(
        "stream.last",
        "Read a stream's last message, or its last of a type.",
        "namespace",
        (_STREAM, Parameter("options", a.TypeOption, required=False)),
        _last,
        result=list[Any] | None,
        prepare=_prepare_last,
    ),
    Method(
        "stream.version",
        "The position of a stream's last message, null where it has none.",
        "namespace",
        (_STREAM,),
        _version,
        result=int | None,
        prepare=_prepare_version,
    ),
)
