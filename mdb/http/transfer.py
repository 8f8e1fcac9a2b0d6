"""`GET /export` and `POST /import`: a namespace's history as lines of JSON."""

from __future__ import annotations

import logging
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from types import TracebackType

import msgspec
import trio
from quart.wrappers.response import ResponseBody

from mdb.core import ids, names
from mdb.core.errors import (
    AuthRequired,
    AuthUnauthorized,
    BackendError,
    InvalidRequest,
    MdbError,
    Overloaded,
    RequestTimeout,
)
from mdb.core.interchange import MAX_GLOBAL_POSITION
from mdb.core.messages import Part, Selection
from mdb.core.times import parse_time
from mdb.database import Database
from mdb.http.limits import Limits
from mdb.namespace import Namespace
from mdb.rpc.auth import bearer
from mdb.rpc.testmode import TestMode
from mdb.transfer import Import, begin_export, check_importable, importing

log = logging.getLogger("mdb.http.transfer")

_EXPORT_QUERY = frozenset(("categories", "since", "until"))
_WHOLE_IMPORT_QUERY = frozenset(("namespace",))
_IMPORT_QUERY = frozenset(("namespace", "part", "source", "after", "id"))
_IMPORT_END_QUERY = frozenset(("namespace", "part"))

# Characters to say where an import in parts comes from.
MAX_SOURCE = 500

# Each is a range of an index, and they are merged for every page.
MAX_CATEGORIES = 100

# gzip: fast; a higher level takes several times as long for a tenth less.
_LEVEL = 1
_GZIP_WINDOW = 31

# Statuses from here on are no fault of the client's.
_OURS = 500

_NO_END = (
    "over HTTP/1.0 an export that is cut off looks complete: ask with HTTP/1.1 "
    "(of nginx: proxy_http_version 1.1), or with Accept-Encoding: gzip"
)

_encode = msgspec.json.Encoder().encode


def parse_export(query: Mapping[str, str]) -> Selection:
    """Check a query of `GET /export`; raise `InvalidRequest` naming the parameter."""
    _refuse_unknown(query, _EXPORT_QUERY)
    categories = None
    if "categories" in query:
        named = dict.fromkeys(query["categories"].split(","))
        if len(named) > MAX_CATEGORIES:
            raise InvalidRequest(
                f"categories: at most {MAX_CATEGORIES} at a time", path="categories"
            )
        categories = tuple(names.check_category(name, "categories") for name in named)
    times = {name: parse_time(query[name], name) for name in ("since", "until") if name in query}
    return Selection(categories, times.get("since"), times.get("until"))


def parse_import(query: Mapping[str, str], encoding: str | None) -> Part | None:
    """Check a query of `POST /import`, and its Content-Encoding; return which part it is."""
    _refuse_unknown(query, _IMPORT_QUERY if "part" in query else _WHOLE_IMPORT_QUERY)
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        raise InvalidRequest("the body of an import has no Content-Encoding")
    return _part(query) if "part" in query else None


def _part(query: Mapping[str, str]) -> Part:
    if query["part"] == "end":
        _refuse_unknown(query, _IMPORT_END_QUERY)
        return Part("", None, last=True, anywhere=True)
    if query["part"] not in ("more", "last"):
        raise InvalidRequest("part must be more, last or end", path="part")
    source = query.get("source", "")
    if not (1 <= len(source) <= MAX_SOURCE and source.isprintable()):
        raise InvalidRequest(
            f"source must be 1 to {MAX_SOURCE} printable characters", path="source"
        )
    if ("after" in query) != ("id" in query):
        raise InvalidRequest("after and id go together: the last message of the part before")
    after = None
    if "after" in query:
        text = query["after"]
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:20]) <= MAX_GLOBAL_POSITION):
            raise InvalidRequest("after must be a global position", path="after")
        after = (int(text), ids.parse_uuid(query["id"], "id"))
    return Part(source, after, last=query["part"] == "last")


def _refuse_unknown(query: Mapping[str, str], known: frozenset[str]) -> None:
    for name in query:
        if name not in known:
            raise InvalidRequest(f"unknown parameter: {name[:100]}", path=name[:100])


class Transfers:
    """Opens exports and imports."""

    def __init__(
        self, database: Database, test_mode: TestMode | None, limits: Limits, keep_alive: float
    ) -> None:
        """`keep_alive`: seconds of silence before an event stream says that it lives."""
        self._database = database
        self._test_mode = test_mode
        self._limits = limits
        self._keep_alive = keep_alive

    async def export(
        self,
        query: Mapping[str, str],
        *,
        authorization: str | None,
        compressed: bool,
        delimited: bool,
    ) -> AsyncGenerator[bytes, None]:
        """Check everything and read the first page; return what to send.

        `delimited`: the answer's end is marked, not told by the connection's. Lines that are cut
        off with it would be taken for a whole history, so they are refused.
        Raises the contract's errors. The generator breaks off with an error where a later page
        cannot be read: the answer must then end without its last chunk.
        """
        namespace = await self._caller(authorization)
        selection = parse_export(query)
        if not (delimited or compressed):
            raise InvalidRequest(_NO_END)
        blocks = await begin_export(namespace, selection)
        return gzipped(blocks) if compressed else blocks

    async def import_(
        self,
        query: Mapping[str, str],
        body: AsyncIterator[bytes],
        *,
        authorization: str | None,
        encoding: str | None,
    ) -> ImportEvents:
        """Check what can be checked before the body; return the events to send.

        Raises the contract's errors.
        """
        caller = await self._caller(authorization)
        part = parse_import(query, encoding)
        namespace = await self._named(query.get("namespace"), caller)
        if self._database.draining:
            raise Overloaded("the server is shutting down", retry_after=1)
        check_importable(namespace)
        return ImportEvents(
            run_import(self._database, namespace, part, body, self._limits), self._keep_alive
        )

    async def _named(self, wanted: str | None, caller: Namespace) -> Namespace:
        """Return the namespace that is named, for its own token and the admin's."""
        if wanted is None or wanted == caller.id:
            return caller
        names.check_namespace_id(wanted, "namespace")
        if not caller.is_default:
            raise AuthUnauthorized("the token is not this namespace's")
        return await self._database.namespace(wanted)

    async def _caller(self, authorization: str | None) -> Namespace:
        token = bearer(authorization)
        if token is None:
            raise AuthRequired
        known = self._database.known(token)
        if known is not None:
            return known
        try:
            return await self._database.authenticate(token)
        except AuthUnauthorized:
            if self._test_mode is None:
                raise
            return await self._test_mode.adopt(token)


async def gzipped(blocks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Compress blocks into one gzip member. Broken off, it has no valid end."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    async with aclosing(blocks):
        async for block in blocks:
            packed = await trio.to_thread.run_sync(packer.compress, block)
            if packed:
                yield packed  # noqa: ASYNC119  (the caller closes the generator in every case)
        yield packer.flush()  # noqa: ASYNC119  (the caller closes the generator in every case)


def _event(value: Mapping[str, object]) -> bytes:
    return b"data: %b\n\n" % _encode(value)


def _fault(error: MdbError) -> bytes:
    event: dict[str, object] = {"error": error.code, "message": error.message}
    line = error.details.get("line")
    return _event(event if line is None else {**event, "line": line})


@trio.as_safe_channel
async def run_import(
    database: Database,
    namespace: Namespace,
    part: Part | None,
    body: AsyncIterator[bytes],
    limits: Limits,
) -> AsyncGenerator[bytes, None]:
    """Import the body and yield events: progress, and at the end that it is done or a fault.

    After a fault the rest of the body is read and thrown away for a while, so that a client that
    still sends gets to see what was wrong.
    """
    begun = trio.current_time()
    error: MdbError | None = None
    told = 0
    try:
        async with importing(namespace, part=part) as job:
            async for data in _pieces(database, body, limits):
                await job.feed(data)
                if job.imported != told:
                    told = job.imported
                    yield _progress(job)  # noqa: ASYNC119  (the caller closes the generator in every case)
            await job.finish()
    except MdbError as refused:
        if refused.status >= _OURS:
            log.warning("an import ended: %s", refused, exc_info=refused.__cause__)
        error = refused
    except Exception:
        log.exception("an import failed")
        error = BackendError("the server failed")
    if error is None:
        if job.imported != told:
            yield _progress(job)
        elapsed = f"{trio.current_time() - begun:.1f}s"
        yield _event({"done": True, "imported": job.imported, "elapsed": elapsed})
        return
    yield _fault(error)
    with trio.move_on_after(limits.linger_timeout):
        async for _data in body:
            pass


def _progress(job: Import) -> bytes:
    return _event({"imported": job.imported, "gpos": job.position})


async def _pieces(
    database: Database, body: AsyncIterator[bytes], limits: Limits
) -> AsyncGenerator[bytes, None]:
    """Yield the body as it comes. Its size is not limited, but each wait for more of it is."""
    while True:
        data = None
        with trio.move_on_after(limits.body_timeout) as waited:
            data = await anext(body, None)
        if waited.cancelled_caught:
            raise RequestTimeout("nothing more of the import arrived in time")
        if database.draining:
            raise Overloaded("the server is shutting down", retry_after=1)
        if data is None:
            return
        yield data


class ImportEvents(ResponseBody):
    """The body of an import's answer.

    Quart enters it, which begins the import, and leaves it when the answer is complete or the
    client is gone, which ends the import and removes what it has staged.
    """

    _events: trio.abc.ReceiveChannel[bytes]

    def __init__(
        self,
        run: AbstractAsyncContextManager[trio.abc.ReceiveChannel[bytes]],
        keep_alive: float,
    ) -> None:
        """`keep_alive`: seconds of silence before a comment is sent."""
        self._run = run
        self._keep_alive = keep_alive

    async def __aenter__(self) -> ImportEvents:
        """Begin."""
        self._events = await self._run.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it, waiting until it has cleaned up, which is bounded in time."""
        await self._run.__aexit__(exc_type, exc, traceback)  # noqa: ASYNC102  (bounded in time by what it waits for)

    def __aiter__(self) -> ImportEvents:
        """Iterate over the events."""
        return self

    async def __anext__(self) -> bytes:
        """Wait for the next event."""
        with trio.move_on_after(self._keep_alive):
            try:
                return await self._events.receive()
            except trio.EndOfChannel:
                raise StopAsyncIteration from None
        return b": keep-alive\n\n"
