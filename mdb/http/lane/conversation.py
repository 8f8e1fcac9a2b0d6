"""One connection's requests and answers, in order."""

import logging
import socket
import struct
from contextlib import aclosing
from typing import Literal, TypeAlias

import msgspec
import trio

from mdb.http.connection import Connection, Connections, Woken
from mdb.http.cors import AllowedOrigins, cors_headers
from mdb.http.lane import outgoing
from mdb.http.lane.heads import KnownHeads
from mdb.http.lane.incoming import Incoming
from mdb.http.lane.reactor import Reactor, Seat
from mdb.http.lane.refused import Refused
from mdb.http.lane.request import Progress, Request
from mdb.http.limits import Limits
from mdb.http.reply import Body, Dispatcher, Reply, error_body, error_reply
from mdb.http.request_id import fresh_request_id, sane_request_id

logger = logging.getLogger("mdb.http.lane")

# What is read and thrown away after the last answer, at most.
_LINGER_BYTES = 1024 * 1024

_FAULT = (500, "BACKEND_ERROR", "the server could not answer")


class _Close(Exception):
    """The connection ends here; what had to be sent was sent."""


class _Answered(msgspec.Struct, frozen=True):
    """A request and its answer, which takes more than to be written at once."""

    request: Request
    reply: Reply


# What a connection's task is handed: a request; how far one has come (None: the client sends no
# more); what is left to send of an answer, perhaps nothing; an answer.
_Handed: TypeAlias = Request | Progress | bytes | _Answered | None


class Lane:
    """Serves ``POST /rpc`` on one connection, one request at a time.

    No task, nursery or cancel scope is made for a request, and a write does not even wake the
    connection's own task, which waits in its seat: it is begun by the reactor when it has
    arrived, and answered by the namespace's actor.
    """

    def __init__(
        self,
        connection: Connection,
        connections: Connections,
        rpc: Dispatcher,
        *,
        limits: Limits,
        origins: AllowedOrigins,
        known: KnownHeads,
        reactor: Reactor | None,
    ) -> None:
        """Inside of a trio run; nothing is read yet.

        ``reactor`` None: the connection's task waits for it itself.
        """
        # What `trio.current_time` asks, without its steps.
        self._now = trio.lowlevel.current_clock().current_time
        self._connection = connection
        self._connections = connections
        self._rpc = rpc
        self._limits = limits
        self._origins = origins
        self._incoming = Incoming(limits, known)
        self._reserved = 0
        self._begun: Request | None = None  # answered without the task
        self._seat: Seat[_Handed] | None = None
        if reactor is not None and connection.plain:
            self._seat = Seat(reactor, connection, self._arrived)

    async def run(self) -> bytes | None:
        """Serve requests until the connection ends or a request is not the lane's.

        Cancellation breaks off whatever is under way, the dispatcher included. The caller
        closes the stream in every case.

        Returns:
            All bytes from the start of the first foreign request on; None if the connection is
            done with.
        """
        try:
            return await self._serve()
        except _Close:
            return None
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return None  # the client is gone, or was cut off
        finally:
            self._release()
            # Each refers to what refers to it: without this they would stay until garbage is
            # looked for, and a follower's connection lives long after its lane.
            if self._seat is not None:
                self._seat.release()
                self._seat = None
            self._incoming.end()

    async def _serve(self) -> bytes | None:
        incoming = self._incoming
        try:
            while True:
                request = await self._next()
                if request is None:
                    return None
                if request is Progress.FOREIGN:
                    return incoming.unread()
                await self._answer(await self._ask(request), request)
        except Refused as refused:
            await self._refuse(refused)
        except Woken:
            if incoming.progress in (Progress.HEAD, Progress.BODY):
                await self._refuse(
                    Refused(408, "REQUEST_TIMEOUT", "the request did not arrive in time")
                )
        return None

    async def _ask(self, request: Request) -> Reply:
        request_id = request.request_id and sane_request_id(request.request_id)
        try:
            return await self._rpc(
                request.body, authorization=request.authorization, request_id=request_id
            )
        except Exception:
            # A dispatcher answers its faults itself: this is a bug, and costs one answer.
            logger.exception("the dispatcher raised")
            return error_reply(*_FAULT, request_id=request_id or fresh_request_id())
        finally:
            self._release()

    # What is done without the connection's task, which waits in its seat

    def _arrived(self, data: bytes) -> None:
        """Take in what the client sent; begin to answer it, or hand it to the task."""
        assert self._seat is not None
        request = self._incoming.whole(data)
        if request is None:
            progress = self._incoming.receive(data) if data else None
            if progress is not Progress.READY:
                self._seat.hand(progress)
                return
            request = self._incoming.take()
        if request.keep_alive and not request.old:
            self._seat.hold()
            self._begun = request
            if self._rpc.begin(
                request.body,
                authorization=request.authorization,
                request_id=request.request_id and sane_request_id(request.request_id),
                done=self._answered,
            ):
                return
        self._seat.hand(request)

    def _answered(self, reply: Reply) -> None:
        """Send the answer of a request that was begun; does not raise."""
        seat, connection = self._seat, self._connection
        request, self._begun = self._begun, None
        if seat is None or not seat.occupied:
            return  # the connection ended meanwhile
        assert request is not None
        try:
            if connection.draining or not isinstance(reply.body, bytes):
                seat.hand(_Answered(request, reply))
                return
            extra = cors_headers(request.origin, self._origins)
            answer = outgoing.whole(reply, reply.body, extra=extra, keep_alive=True)
            rest = connection.send_at_once(answer)
            if rest or self._incoming.pending:
                seat.hand(rest)
            else:
                seat.resume(self._now() + self._limits.idle_timeout)
        except Exception as error:  # raised in the connection's task, whose it is
            seat.fail(error)

    # Receiving

    async def _next(self) -> Request | Literal[Progress.FOREIGN] | None:
        """Wait for the next request; None at the end of what the client sends.

        Raises as `_complete`.
        """
        incoming, connection = self._incoming, self._connection
        while True:
            progress: Progress | None
            if incoming.pending:
                # Who sends many requests at once takes turns with the other connections.
                await trio.lowlevel.checkpoint()
                progress = incoming.advance()
            elif connection.draining:
                return None
            else:
                deadline = trio.current_time() + self._limits.idle_timeout
                if self._seat is None:
                    data = await connection.receive(deadline, idle=True)
                    progress = incoming.receive(data) if data else None
                else:
                    handed = await self._seat.wait(deadline)
                    if isinstance(handed, Request):
                        return handed
                    if isinstance(handed, bytes):
                        await connection.send(handed)
                        continue
                    if isinstance(handed, _Answered):
                        await self._answer(handed.reply, handed.request)
                        continue
                    progress = handed
            if progress is not Progress.READY:
                if progress is None:
                    return None
                progress = await self._complete(progress)
                if progress is Progress.FOREIGN:
                    return progress
            return incoming.take()

    async def _complete(self, progress: Progress) -> Progress:
        """Receive until the request is complete, or known not to be the lane's.

        Raises:
            Refused: It must be refused.
            Woken: It did not come in time, or draining has begun.
            _Close: The client sends no more.
        """
        incoming, connection, limits = self._incoming, self._connection, self._limits
        deadline = trio.current_time() + limits.idle_timeout
        stage = Progress.IDLE
        while True:
            if progress is not stage:
                stage = progress
                if progress is Progress.READY or progress is Progress.FOREIGN:
                    return progress
                if progress is Progress.HEAD:
                    deadline = trio.current_time() + limits.head_timeout
                elif progress is Progress.BODY:
                    deadline = trio.current_time() + limits.body_timeout
                    if incoming.expects_continue and not incoming.body_begun:
                        await connection.send(outgoing.CONTINUE)
            idle = progress is Progress.IDLE
            if idle and connection.draining:
                raise _Close
            if progress is Progress.BODY:
                self._reserve(incoming.buffered)
            data = await connection.receive(deadline, idle=idle)
            if not data:
                raise _Close  # nothing is complete
            progress = incoming.receive(data)

    def _reserve(self, amount: int) -> None:
        if not self._connections.reserve(amount - self._reserved):
            raise Refused(503, "OVERLOADED", "too many bodies are on their way")
        self._reserved = amount

    def _release(self) -> None:
        if self._reserved:
            self._connections.release(self._reserved)
            self._reserved = 0

    # Answering

    async def _answer(self, reply: Reply, request: Request) -> None:
        """Send an answer.

        Raises:
            _Close: It was the connection's last.
            trio.BrokenResourceError, trio.ClosedResourceError: The connection is lost.
        """
        extra = cors_headers(request.origin, self._origins)
        if isinstance(reply.body, bytes):
            keep_alive = request.keep_alive and not self._connection.draining
            await self._send_whole(reply, extra=extra, keep_alive=keep_alive, old=request.old)
        else:
            keep_alive = await self._stream(reply, reply.body, request, extra)
        if not keep_alive:
            await linger(self._connection, self._limits)
            raise _Close

    async def _stream(
        self, reply: Reply, body: Body, request: Request, extra: tuple[tuple[str, str], ...]
    ) -> bool:
        """Send a streamed answer; returns whether the connection stays."""
        old = request.old
        keep_alive = request.keep_alive and not old and not self._connection.draining
        # Goes out with the first chunk.
        unsent = outgoing.streamed_head(reply, extra=extra, keep_alive=keep_alive, old=old)
        if old:
            self._reset_on_close(enabled=True)
        try:
            async with aclosing(body.chunks()) as chunks:
                async for data in chunks:
                    if data:
                        await self._connection.send(unsent + outgoing.chunk(data, old=old))
                        unsent = b""
        except Exception as error:
            if isinstance(error, (trio.BrokenResourceError, trio.ClosedResourceError)):
                raise  # the client is gone, or was cut off
            logger.exception("a streamed answer broke off")
            if not unsent:
                raise _Close from error
            fault = Reply(_FAULT[0], error_body(*_FAULT[1:]), reply.headers)
            await self._send_whole(fault, extra=extra, keep_alive=False, old=old)
            keep_alive = False
        else:
            last = unsent if old else unsent + outgoing.LAST_CHUNK
            if last:
                await self._connection.send(last)
        if old:
            self._reset_on_close(enabled=False)
        return keep_alive and not self._connection.draining

    async def _send_whole(
        self, reply: Reply, *, extra: tuple[tuple[str, str], ...], keep_alive: bool, old: bool
    ) -> None:
        assert isinstance(reply.body, bytes)
        await self._connection.send(
            outgoing.whole(reply, reply.body, extra=extra, keep_alive=keep_alive, old=old)
        )

    def _reset_on_close(self, *, enabled: bool) -> None:
        """Make a close, whoever does it, a reset.

        Over HTTP/1.0 the end of the connection ends the answer, so an orderly close in the
        middle would be a valid ending.
        """
        self._connection.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", enabled, 0)
        )

    async def _refuse(self, refused: Refused) -> None:
        incoming = self._incoming
        headers = cors_headers(incoming.origin, self._origins)
        if refused.status == 503:
            headers = (("Retry-After", "1"), *headers)
        reply = error_reply(
            refused.status,
            refused.code,
            refused.message,
            request_id=sane_request_id(incoming.request_id) or fresh_request_id(),
            headers=headers,
        )
        await self._send_whole(reply, extra=(), keep_alive=False, old=False)
        await linger(self._connection, self._limits)


async def linger(connection: Connection, limits: Limits) -> None:
    """End our side, then read and drop what the client sends until it ends its own.

    Bounded by the linger timeout and by an amount. A close with bytes unread would reset the
    connection, and the reset would overtake the answer.

    Raises:
        trio.BrokenResourceError, trio.ClosedResourceError: The connection is lost.
    """
    deadline = trio.current_time() + limits.linger_timeout
    connection.expired = False
    try:
        if isinstance(connection.stream, trio.SocketStream):
            await connection.stream.send_eof()
        dropped = 0
        while dropped < _LINGER_BYTES:
            data = await connection.receive(deadline)
            if not data:
                return
            dropped += len(data)
    except Woken:
        return
