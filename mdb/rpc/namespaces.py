"""`ns.*`: namespaces, for their owners and the admin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from mdb.core import jsonrules, names, tokens
from mdb.core.errors import AuthInvalidToken, InvalidRequest, MdbError, NamespaceNotFound
from mdb.core.messages import NamespaceRecord
from mdb.core.times import iso_millis
from mdb.database import NewNamespace
from mdb.rpc import arguments as a
from mdb.rpc.context import Context
from mdb.rpc.method import Method, Parameter
from mdb.rpc.results import encode
from mdb.stores.base import Store

T = TypeVar("T")

# Bytes of a namespace's own description and metadata: they travel with each listing.
DESCRIPTION_LIMIT = 10_000


_NULL = msgspec.Raw(b"null")


class CreateOptions(msgspec.Struct, forbid_unknown_fields=True):
    """`token`: the one to give it, well-formed and naming this namespace."""

    description: str | None = None
    metadata: msgspec.Raw = _NULL
    token: str | None = None


class ListOptions(msgspec.Struct, forbid_unknown_fields=True):
    """Which part of the list: at most `limit` (1 to 1000), after the first `offset`."""

    limit: int | None = None
    offset: int | None = None


class Created(msgspec.Struct, rename="camel"):
    """A new namespace, and its token, which is not shown again."""

    namespace: str
    token: str
    created_at: str


class Deleted(msgspec.Struct, rename="camel"):
    """What was deleted."""

    namespace: str
    deleted_at: str
    messages_deleted: int


class Rotated(msgspec.Struct, rename="camel"):
    """A namespace's new token, which is not shown again."""

    namespace: str
    token: str


class Listed(msgspec.Struct, rename="camel"):
    """A namespace in a listing."""

    namespace: str
    description: str | None
    created_at: str
    message_count: int


class Info(msgspec.Struct, rename="camel"):
    """A namespace, and what it holds. `head`: its highest globalPosition, or 0.

    `importing`, there only until an import in parts has ended: where that comes from.
    """

    namespace: str
    description: str | None
    metadata: Any
    created_at: str
    incarnation: str
    message_count: int
    stream_count: int
    head: int
    last_activity: str | None
    importing: str | msgspec.UnsetType = msgspec.UNSET


def _check_token(token: str, namespace: str) -> None:
    try:
        named = tokens.parse(token).namespace
    except AuthInvalidToken as exc:
        raise InvalidRequest("token is not of a token's form", path="$[2].token") from exc
    if named != namespace:
        raise InvalidRequest("token names another namespace", path="$[2].token")


def _metadata(raw: msgspec.Raw) -> bytes | None:
    text = bytes(raw)
    if text == b"null":
        return None
    if not text.startswith(b"{"):
        raise InvalidRequest("metadata must be an object or null", path="$[2].metadata")
    if len(text) > DESCRIPTION_LIMIT:
        raise InvalidRequest(
            f"metadata must be at most {DESCRIPTION_LIMIT} bytes", path="$[2].metadata"
        )
    return jsonrules.check(text, "$[2].metadata")


def _prepare_create(namespace: str, options: CreateOptions | None) -> tuple[NewNamespace]:
    names.check_namespace_id(namespace, "$[1]")
    options = options or CreateOptions()
    description = options.description
    if description is not None and len(description.encode()) > DESCRIPTION_LIMIT:
        raise InvalidRequest(
            f"description must be at most {DESCRIPTION_LIMIT} bytes", path="$[2].description"
        )
    if description is not None and "\0" in description:
        raise InvalidRequest("description must not hold NUL", path="$[2].description")
    if options.token is not None:
        _check_token(options.token, namespace)
    return (NewNamespace(namespace, description, _metadata(options.metadata), options.token),)


async def _create(context: Context, new: NewNamespace) -> bytes:
    namespace, token = await context.database.create_namespace(new)
    created_at = iso_millis(namespace.record.created_at)
    return encode(Created(namespace.id, token, created_at))


def _prepare_id(namespace: str) -> tuple[str]:
    return (names.check_namespace_id(namespace, "$[1]"),)


def _prepare_delete(namespace: str) -> tuple[str]:
    names.check_namespace_id(namespace, "$[1]")
    if namespace == "default":
        raise InvalidRequest("the namespace default cannot be deleted", path="$[1]")
    return (namespace,)


async def _delete(context: Context, namespace: str) -> bytes:
    context.check_own(namespace)
    own = context.own_incarnation
    deleted_at, count = await context.database.delete_namespace(namespace, incarnation=own)
    return encode(Deleted(namespace, iso_millis(deleted_at), count))


def _prepare_list(options: ListOptions | None) -> tuple[int, int]:
    options = options or ListOptions()
    limit = a.listing_limit(options.limit, "$[1]")
    offset = options.offset or 0
    if not 0 <= offset < 2**63:
        raise InvalidRequest("offset must not be negative", path="$[1].offset")
    return limit, offset


async def _list(context: Context, limit: int, offset: int) -> bytes:
    store = context.database.store
    found = []
    for record in await store.list_namespaces(limit, offset):
        count = await _unless_gone(store, record, store.namespace(record).message_count)
        if count is not None:
            created_at = iso_millis(record.created_at)
            found.append(Listed(record.id, record.description, created_at, count))
    return encode(found)


async def _unless_gone(
    store: Store, record: NamespaceRecord, read: Callable[[], Awaitable[T]]
) -> T | None:
    """Read something of a namespace; None where it fails because the namespace was deleted."""
    try:
        return await read()
    except MdbError:
        found = await store.find_namespace(record.id)  # noqa: ASYNC120  (cancelled, that is what is raised)
        if found is not None and found.incarnation == record.incarnation:
            raise
        return None


async def _info(context: Context, namespace: str) -> bytes:
    context.check_own(namespace)
    record = (await context.database.namespace(namespace)).record
    if context.own_incarnation not in (None, record.incarnation):
        raise NamespaceNotFound(f"namespace {namespace} not found")
    store = context.database.store
    stats = await _unless_gone(store, record, store.namespace(record).stats)
    source = await _unless_gone(store, record, store.namespace(record).import_source)
    if stats is None:
        raise NamespaceNotFound(f"namespace {namespace} not found")
    return encode(
        Info(
            record.id,
            record.description,
            _raw(record),
            iso_millis(record.created_at),
            record.incarnation,
            stats.message_count,
            stats.stream_count,
            stats.head,
            None if stats.last_activity is None else iso_millis(stats.last_activity),
            msgspec.UNSET if source is None else source,
        )
    )


async def _rotate(context: Context, namespace: str) -> bytes:
    context.check_own(namespace)
    own = context.own_incarnation
    token = await context.database.rotate_token(namespace, incarnation=own)
    return encode(Rotated(namespace, token))


def _raw(record: NamespaceRecord) -> msgspec.Raw | None:
    return None if record.metadata is None else msgspec.Raw(record.metadata)


_ID = Parameter("namespace", str)

METHODS = (
    Method(
        "ns.create",
        "Create a namespace.",
        "admin",
        (_ID, Parameter("options", CreateOptions, required=False)),
        _create,
        result=Created,
        prepare=_prepare_create,
    ),
    Method(
        "ns.delete",
        "Delete a namespace and all it holds.",
        "own",
        (_ID,),
        _delete,
        result=Deleted,
        prepare=_prepare_delete,
    ),
    Method(
        "ns.list",
        "List namespaces.",
        "admin",
        (Parameter("options", ListOptions, required=False),),
        _list,
        result=list[Listed],
        prepare=_prepare_list,
    ),
    Method(
        "ns.info",
        "What a namespace is and holds.",
        "own",
        (_ID,),
        _info,
        result=Info,
        prepare=_prepare_id,
    ),
    Method(
        "ns.rotateToken",
        "Replace a namespace's token; the old one stops at once, and its subscriptions end.",
        "own",
        (_ID,),
        _rotate,
        result=Rotated,
        prepare=_prepare_id,
    ),
)
