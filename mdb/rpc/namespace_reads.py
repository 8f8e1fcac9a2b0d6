"""`ns.get`, `ns.streams`, `ns.categories`: what a namespace holds."""

from __future__ import annotations

from typing import Any

import msgspec

from mdb.core.errors import InvalidRequest
from mdb.core.messages import AllQuery
from mdb.core.times import iso_millis
from mdb.rpc import arguments as a
from mdb.rpc.context import Context
from mdb.rpc.method import Method, Parameter
from mdb.rpc.results import encode, read


class ListedStream(msgspec.Struct, rename="camel"):
    """A stream in a listing: its last position, and the time of its last message."""

    stream: str
    version: int
    last_activity: str


class ListedCategory(msgspec.Struct, rename="camel"):
    """A category in a listing."""

    category: str
    stream_count: int
    message_count: int


def _prepare_get(options: a.NamespaceReadOptions | None) -> tuple[AllQuery, int | None]:
    options = options or a.NamespaceReadOptions()
    size = a.batch_size(options.batch_size, "$[1]")
    query = AllQuery(
        position=a.position(options.global_position, "globalPosition", "$[1]"),
        backward=a.backward(options.direction, "$[1]"),
        type=a.message_type(options.type, "$[1]"),
    )
    return query, None if size == -1 else size


def _prepare_streams(options: a.StreamsOptions | None) -> tuple[str, str, int]:
    options = options or a.StreamsOptions()
    return (
        _name_part(options.prefix, "$[1].prefix"),
        _name_part(options.cursor, "$[1].cursor"),
        a.listing_limit(options.limit, "$[1]"),
    )


def _name_part(text: str | None, path: str) -> str:
    """Check what may be any part of a name that others wrote, too; no database holds NUL."""
    if text is not None and "\0" in text:
        raise InvalidRequest("no stream name holds U+0000", path=path)
    return text or ""


async def _streams(context: Context, prefix: str, after: str, limit: int) -> bytes:
    found = await context.namespace.store.streams(prefix, after, limit)
    return encode([ListedStream(s.stream, s.version, iso_millis(s.last_activity)) for s in found])


async def _categories(context: Context) -> bytes:
    found = await context.namespace.store.categories()
    return encode([ListedCategory(c.category, c.stream_count, c.message_count) for c in found])


METHODS = (
    Method(
        "ns.get",
        "Read the whole namespace.",
        "namespace",
        (Parameter("options", a.NamespaceReadOptions, required=False),),
        read,
        result=list[Any],
        prepare=_prepare_get,
        paged=True,
    ),
    Method(
        "ns.streams",
        "List streams by name.",
        "namespace",
        (Parameter("options", a.StreamsOptions, required=False),),
        _streams,
        result=list[ListedStream],
        prepare=_prepare_streams,
    ),
    Method(
        "ns.categories",
        "List categories by name, with how many streams and messages each holds.",
        "namespace",
        (),
        _categories,
        result=list[ListedCategory],
    ),
)
