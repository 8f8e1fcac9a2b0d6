"""`GET /subscribe`: from the query to a stream of server-sent events."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType

import msgspec
import trio
from quart.wrappers.response import ResponseBody

from mdb.core import names
from mdb.core.errors import AuthRequired, AuthUnauthorized, InvalidRequest
from mdb.core.messages import Follow
from mdb.database import Database
from mdb.follow import Delivery, Ended, Follower
from mdb.http.connection import Connection
from mdb.http.lane.outgoing import chunk
from mdb.namespace import Namespace
from mdb.rpc.arguments import MAX_POSITION, checked_group
from mdb.rpc.auth import bearer
from mdb.rpc.testmode import TestMode

# How long a client waits before it connects again, in milliseconds.
_RETRY = 1000

# The empty id makes an EventSource forget the one it had, which means nothing here.
_RESET = b"id:\nevent: reset\ndata: {}\n\n"

_GONE = b"event: gone\ndata: {}\n\n"

# Bytes of frames that are sent at once. What is being sent is copied a few times on its way, for
# each subscriber that does not take it.
_PIECE = 16 * 1024

# A filtered subscription is told its progress when it has moved so far without a poke.
_PROGRESS = 1000

_QUERY = frozenset(
    ("stream", "category", "all", "position", "consumer", "size", "correlation", "lastEventId")
) | {"token"}

_INTEGER = re.compile(r"-?[0-9]{1,19}")


class Wanted(msgspec.Struct, frozen=True):
    """A checked query. `start` is inclusive, None for the end; `resume`: the last event's id."""

    follow: Follow
    start: int | None
    resume: int | None


def parse(query: Mapping[str, str], last_event_id: str | None) -> Wanted:
    """Check a query; raise `InvalidRequest` naming the parameter."""
    for name in query:
        if name not in _QUERY:
            raise InvalidRequest(f"unknown parameter: {name[:100]}", path=name[:100])
    start = _start(query.get("position"))
    follow = _follow(query, start)
    resume = last_event_id if last_event_id is not None else query.get("lastEventId")
    if resume is None or (resume == "" and last_event_id is not None):
        return Wanted(follow, start, None)
    return Wanted(follow, start, _natural(resume, "lastEventId"))


def _follow(query: Mapping[str, str], start: int | None) -> Follow:
    kinds = [name for name in ("stream", "category", "all") if name in query]
    if len(kinds) != 1:
        raise InvalidRequest("exactly one of stream, category and all is needed", path="stream")
    kind = kinds[0]
    for name in ("consumer", "size", "correlation"):
        if name in query and kind != "category":
            raise InvalidRequest(f"{name} goes with category only", path=name)
    if kind == "stream":
        stream = names.check_stream_name(query["stream"], "stream")
        return Follow("stream", stream, min_position=start or 0)
    if kind == "all":
        if query["all"] != "true":
            raise InvalidRequest("all must be true", path="all")
        return Follow("all")
    category = names.check_category(query["category"], "category")
    correlation = query.get("correlation")
    if correlation is not None:
        names.check_category(correlation, "correlation")
    return Follow("category", category, _group(query), correlation)


def _group(query: Mapping[str, str]) -> tuple[int, int] | None:
    if ("consumer" in query) != ("size" in query):
        raise InvalidRequest("consumer and size go together", path="consumer")
    if "consumer" not in query:
        return None
    member = _integer(query["consumer"], "consumer")
    size = _integer(query["size"], "size")
    try:
        return checked_group(member, size, "")
    except InvalidRequest as error:
        place = "size" if error.details.get("path") == ".size" else "consumer"
        raise InvalidRequest(error.message, path=place) from None


def _start(text: str | None) -> int | None:
    """Return the position to begin at, None for the end."""
    if text == "end":
        return None
    return 0 if text is None else max(_integer(text, "position"), 0)


def _integer(text: str, name: str) -> int:
    if not _INTEGER.fullmatch(text) or int(text) > MAX_POSITION:
        raise InvalidRequest(f"{name} must be an integer", path=name)
    return int(text)


def _natural(text: str, name: str) -> int:
    number = _integer(text, name)
    if number < 0:
        raise InvalidRequest(f"{name} must not be negative", path=name)
    return number


class Subscriptions:
    """Opens event streams."""

    def __init__(self, database: Database, test_mode: TestMode | None, keep_alive: float) -> None:
        """`keep_alive`: seconds of silence before a comment is sent."""
        self._database = database
        self._test_mode = test_mode
        self._keep_alive = keep_alive

    async def open(
        self,
        query: Mapping[str, str],
        *,
        authorization: str | None,
        last_event_id: str | None,
        connection: Connection | None = None,
    ) -> tuple[EventStream, list[tuple[str, str]]]:
        """Check everything, register, and return the stream with the headers to send.

        `connection`: the client's, where its answers are chunked. Raises the contract's errors,
        before any event.
        """
        # EventSource cannot send headers; a header is still the better place, so it wins.
        token = bearer(authorization) or query.get("token")
        namespace = None if token is None else await self._caller(token)
        if namespace is None and self._test_mode is None:
            raise AuthRequired
        wanted = parse(query, last_event_id)
        if namespace is None and token is not None and self._test_mode is not None:
            namespace = await self._test_mode.adopt(token)
        headers: list[tuple[str, str]] = []
        offer: AbstractContextManager[None] = nullcontext()
        if namespace is None:
            assert self._test_mode is not None
            namespace, token = await self._test_mode.fresh()
            headers.append(("X-MessageDB-Token", token))
            offer = self._test_mode.joinable(namespace, token)
        return await self._stream(namespace, wanted, offer, connection), headers

    async def _caller(self, token: str) -> Namespace | None:
        known = self._database.known(token)
        if known is not None:
            return known
        try:
            bounded = self._test_mode is None
            return await self._database.authenticate(token, bounded=bounded)
        except AuthUnauthorized:
            if self._test_mode is None:
                raise
            return None

    async def _stream(
        self,
        namespace: Namespace,
        wanted: Wanted,
        offer: AbstractContextManager[None],
        connection: Connection | None,
    ) -> EventStream:
        revoked = namespace.revoked
        reset = wanted.resume is not None and wanted.resume > await namespace.store.head()
        # What is still being written below the head comes from now on, too.
        end = 0 if wanted.start is not None else await namespace.store.settled_head()
        after = self._after(wanted, end, reset=reset)
        follow = wanted.follow
        if wanted.resume is not None and not reset:
            follow = msgspec.structs.replace(follow, min_position=0)

        def register() -> Follower | None:
            # A token replaced since it was judged opens nothing any more.
            return namespace.follow(follow, after) if namespace.revoked == revoked else None

        # Who comes back before the first poke is to go on from here, not from the end by then.
        began = end if wanted.start is None and (wanted.resume is None or reset) else None
        return EventStream(
            register, self._keep_alive, offer, reset=reset, began=began, connection=connection
        )

    @staticmethod
    def _after(wanted: Wanted, end: int, *, reset: bool) -> int:
        """Return the global position above which the subscription begins."""
        if wanted.resume is not None and not reset:
            return wanted.resume
        if wanted.start is None:
            return end
        # A stream's start is a stream position, which its filter knows.
        return 0 if wanted.follow.kind == "stream" else max(wanted.start - 1, 0)


class EventStream(ResponseBody):
    """The body of a subscription's answer, frame by frame.

    Quart enters it, which takes a place in the feed before the first byte is sent, and leaves it
    when the client is gone or the stream has ended.
    """

    _follower: Follower | None = None

    def __init__(
        self,
        register: Callable[[], Follower | None],
        keep_alive: float,
        offer: AbstractContextManager[None],
        *,
        reset: bool,
        began: int | None,
        connection: Connection | None,
    ) -> None:
        """`register`: takes the place in the feed; None: what it was opened for is gone.

        `reset`: tell the client that the event it had seen is not of this history. `began`: the id
        to tell it at once. `connection`: where the answer's chunks may be sent to past the layers
        between; None: through them.
        """
        self._connection = connection
        self._register = register
        self._keep_alive = keep_alive
        self._offer = offer
        self._first: Iterator[bytes] = iter(
            [b"retry: %d\n: ready\n\n" % _RETRY, *([_RESET] * reset)]
            + ([] if began is None else [b"id: %d\n\n" % began])
        )
        self._waiting: deque[bytes] = deque()
        self._told = 0
        self._arrived = False
        self._ended = False
        self._sent_at: float | None = None

    async def __aenter__(self) -> EventStream:
        """Begin to be sent. Sync, so that it is done whole or not at all."""
        self._follower = self._register()
        if self._follower is None:
            self._first = iter([*self._first, _GONE])
        else:
            self._told = self._follower.upto
            # Resumed from an id, a stream's position counts no more: until it is reached, who comes
            # back is to ask for it anew.
            self._arrived = self._follower.follow.min_position == 0
        self._offer.__enter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the place in the feed back. Sync, so cancellation does not matter."""
        self._offer.__exit__(None, None, None)
        if self._follower is not None:
            self._follower.close()

    def __aiter__(self) -> EventStream:
        """Iterate over the frames."""
        return self

    async def __anext__(self) -> bytes:
        """Wait for the next frames."""
        first = next(self._first, None)
        if first is not None:
            return first
        if self._ended or self._follower is None:
            raise StopAsyncIteration
        try:
            if self._connection is not None:
                await self._send_directly(self._follower, self._connection)
            else:
                await self._fill(self._follower)
        except Ended as end:
            self._ended = True
            if end.reason == "gone":
                return _GONE
            raise StopAsyncIteration from None
        if self._connection is not None or self._follower.draining:
            # Who comes back is told the rest: a slow client does not hold up the stop.
            raise StopAsyncIteration
        self._sent_at = None  # now, when it is asked for more
        return self._piece()

    async def _fill(self, follower: Follower) -> None:
        """Wait for something to send. Cancelled, nothing of it is lost."""
        if self._sent_at is None:
            self._sent_at = trio.current_time()
        while not self._waiting:
            delivery = None
            with trio.move_on_at(self._sent_at + self._keep_alive):
                delivery = await follower.receive()
            if delivery is None:
                self._break_silence(follower)
            else:
                self._take(delivery)

    async def _send_directly(self, follower: Follower, connection: Connection) -> None:
        """Send frames on the connection itself, until it is lost or the server stops.

        Quart and Hypercorn began the answer and will end it; between, each frame on its way
        through them would cost some ten times what it costs here. Raises `Ended`.
        """
        self._sent_at = trio.current_time()
        try:
            while not follower.draining:
                rest = await self._relay(follower, connection)
                # Out of the scope that watches for silence: a chunk that was begun is never left.
                await connection.send(rest)
                self._sent_at = trio.current_time()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client is gone, or was cut off

    async def _relay(self, follower: Follower, connection: Connection) -> bytes:
        """Send what the kernel takes at once; return what it does not take, or all at the end."""
        while True:
            assert self._sent_at is not None
            with trio.move_on_at(self._sent_at + self._keep_alive):
                while True:
                    while self._waiting:
                        if follower.draining:
                            return b""
                        rest = connection.send_at_once(chunk(self._piece(), old=False))
                        if rest:
                            return rest
                        self._sent_at = trio.current_time()
                    self._take(await follower.receive())
            if trio.current_time() >= self._sent_at + self._keep_alive:
                self._break_silence(follower)

    def _take(self, delivery: Delivery) -> None:
        self._waiting.extend(delivery.frames)
        progress = self._progress_of(delivery)
        if progress:
            self._waiting.append(progress)

    def _break_silence(self, follower: Follower) -> None:
        self._waiting.append(b": keep-alive\n\n" + self._progress(follower.progress(), 1))

    def _piece(self) -> bytes:
        """Take of what is waiting as much as is sent at once."""
        if len(self._waiting) == 1:
            return self._waiting.popleft()
        taken, size = [], 0
        while self._waiting and size < _PIECE:
            taken.append(self._waiting.popleft())
            size += len(taken[-1])
        return b"".join(taken)

    def _progress_of(self, delivery: Delivery) -> bytes:
        if delivery.pokes:
            self._arrived = True
            self._told = delivery.pokes[-1].global_position
        return self._progress(delivery.upto, _PROGRESS)

    def _progress(self, upto: int, step: int) -> bytes:
        """Tell a filtered subscription how far it has come: a resume need not scan it again."""
        if upto - self._told < step or not self._arrived:
            return b""
        self._told = upto
        return b"id: %d\n\n" % upto
