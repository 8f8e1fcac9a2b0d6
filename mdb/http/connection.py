"""A client connection with a deadline, and the one task that enforces all of them.

A cancel scope for each wait costs a third of the lane's throughput. So a deadline is a number
that the connection's task sets before it waits, and a reaper looks at all numbers once in a
while. It can do two things to a waiting task without its help: wake it out of a read with the
socket unharmed, so that it can still answer, or close the socket under it.
"""

import math
import os
from collections.abc import Callable
from typing import Final

import trio

from mdb.http.limits import Limits

TransportStream = trio.SocketStream | trio.SSLStream[trio.SocketStream]

# One receive; as large as Hypercorn's own, and four of trio's unsent low-water marks.
RECEIVE_SIZE: Final = 64 * 1024

# An answer is sent in pieces of this size, each with its own deadline, so that a slow reader of
# a large answer is told from one that takes nothing.
SEND_SIZE: Final = 64 * 1024


class Woken(Exception):
    """The reaper or the start of draining ended a wait for the client's bytes."""


class Connection:
    """A stream, its deadline, and what it is waiting for.

    Used by one task; ``wake``, ``expire`` and ``abort`` are called by others, are sync, and
    never raise.
    """

    __slots__ = (
        "_descriptor",
        "_plain",
        "_sending",
        "deadline",
        "draining",
        "expired",
        "idle",
        "limits",
        "reading",
        "socket",
        "stream",
        "wake_waiter",
    )

    def __init__(self, stream: TransportStream, limits: Limits) -> None:
        self.stream = stream
        self.limits = limits
        socket_stream = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
        self.socket = socket_stream.socket
        self._descriptor = self.socket.fileno()
        self._plain = isinstance(stream, trio.SocketStream)
        self._sending = False  # a send waits for the client to take something
        self.deadline = math.inf  # trio's clock, seconds
        self.reading = False  # in a read that may be ended by a wake
        self.idle = False  # between two requests
        self.expired = False  # the deadline of a read has passed
        self.draining = False
        self.wake_waiter: Callable[[Exception], None] | None = None
        """Ends the wait of the connection's task where it waits elsewhere (see `Reactor`)."""

    @property
    def plain(self) -> bool:
        """Whether what is read and written is what the client sends and gets: no TLS."""
        return self._plain

    async def handshake(self) -> str | None:
        """Do the TLS handshake if there is TLS, and return the protocol it agreed on.

        Raises:
            trio.BrokenResourceError, trio.ClosedResourceError: It failed, or took too long.
        """
        if not isinstance(self.stream, trio.SSLStream):
            return None
        self.deadline = trio.current_time() + self.limits.handshake_timeout
        await self.stream.do_handshake()
        self.deadline = math.inf
        protocol: str | None = self.stream.selected_alpn_protocol()
        return protocol

    async def receive(self, deadline: float, *, idle: bool = False) -> bytes:
        """Wait for bytes of the client; ``b""`` is the end of what it sends.

        Args:
            deadline: By trio's clock; passing it ends the wait.
            idle: No request has begun, so the start of draining ends the wait, too.

        Raises:
            Woken: The deadline has passed (``expired`` is set), or draining has begun.
            trio.BrokenResourceError, trio.ClosedResourceError: The connection is lost.
        """
        self.deadline = deadline
        self.idle = idle
        self.reading = True
        try:
            if self._plain:
                # What trio's stream does, without its layers, which cost as much as the lane
                # itself, and without a try before the wait: a client waits for its answer.
                while True:
                    await trio.lowlevel.wait_readable(self.descriptor)
                    try:
                        data = os.read(self.descriptor, RECEIVE_SIZE)
                        break
                    except BlockingIOError:
                        continue  # what woke it is gone
            else:
                data = bytes(await self.stream.receive_some(RECEIVE_SIZE))
        except trio.ClosedResourceError:
            if self.expired or (idle and self.draining):
                raise Woken from None
            raise
        except OSError as error:
            raise trio.BrokenResourceError(f"the connection is lost: {error}") from error
        finally:
            self.reading = self.idle = False
            self.deadline = math.inf
        if self.expired:
            raise Woken
        return data

    @property
    def descriptor(self) -> int:
        """The socket's number, as long as it is the socket's.

        Between the end of a wait and its task's turn the socket may be closed, and its number be
        another connection's.

        Raises:
            trio.ClosedResourceError: It was closed.
        """
        if self._descriptor < 0:
            raise trio.ClosedResourceError("the socket was closed")
        return self._descriptor

    def send_at_once(self, data: bytes) -> bytes:
        """Send what the kernel takes without waiting, at most 64 KiB; return the rest.

        Raises:
            trio.BrokenResourceError, trio.ClosedResourceError: The connection is lost.
        """
        if not self._plain or self._sending or len(data) > SEND_SIZE:
            return data
        try:
            sent = os.write(self.descriptor, data)
        except BlockingIOError:
            return data
        except OSError as error:
            raise trio.BrokenResourceError(f"the connection is lost: {error}") from error
        return b"" if sent == len(data) else data[sent:]

    async def send(self, data: bytes) -> None:
        """Send all of ``data``; a client that takes nothing for the send timeout is cut off.

        While draining it is the stall timeout, for what is being sent already, too. A checkpoint
        only where the kernel does not take all of it at once.

        Raises:
            trio.BrokenResourceError, trio.ClosedResourceError: The connection is lost, or was
                just cut off.
        """
        data = self.send_at_once(data)
        if not data:
            return
        self._sending = True
        try:
            if len(data) <= SEND_SIZE:
                self._bound_send()
                await self.stream.send_all(data)
                return
            with memoryview(data) as view:
                for start in range(0, len(data), SEND_SIZE):
                    self._bound_send()
                    await self.stream.send_all(view[start : start + SEND_SIZE])
        finally:
            self._sending = False
            self.deadline = math.inf

    def _bound_send(self) -> None:
        limit = self.limits.send_timeout
        if self.draining:
            limit = min(limit, self.limits.stall_timeout)
        self.deadline = trio.current_time() + limit

    async def close(self) -> None:
        """Close in good order; TLS says goodbye, for which the linger timeout is the bound."""
        self.deadline = trio.current_time() + self.limits.linger_timeout
        try:
            await self.stream.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client, or the reaper, was faster
        finally:
            self.deadline = math.inf

    def wake(self) -> None:
        """End a wait for the client's bytes; the socket stays as it is."""
        if self.wake_waiter is not None:
            self.wake_waiter(Woken())
        elif self.socket.fileno() != -1:
            trio.lowlevel.notify_closing(self.socket.fileno())

    def drain(self) -> None:
        """Note that the server is stopping: end the wait for a next request, bound a send."""
        self.draining = True
        if self.idle:
            self.wake()
        elif self._sending:
            self.deadline = min(self.deadline, trio.current_time() + self.limits.stall_timeout)

    def expire(self, now: float) -> None:
        """Act on a deadline that has passed: wake a read once, cut off everything else."""
        if self.reading and not self.expired:
            self.expired = True
            self.deadline = now + self.limits.linger_timeout
            self.wake()
        else:
            self.abort()

    def abort(self) -> None:
        """Close the socket under whatever waits for it."""
        self.deadline = math.inf
        self._descriptor = -1
        self.socket.close()
        if self.wake_waiter is not None:
            self.wake_waiter(trio.ClosedResourceError("the socket was closed"))


class Connections:
    """All connections of a server, and the task that enforces their deadlines."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: set[Connection] = set()
        self._none_left = trio.Event()
        self._hurry = trio.Event()
        self._buffered = 0  # bytes of incomplete bodies
        self.draining = False

    def __len__(self) -> int:
        return len(self._open)

    def __repr__(self) -> str:
        return f"<Connections [Open: {len(self)} | Buffered: {self._buffered} bytes]>"

    def add(self, stream: TransportStream) -> Connection:
        """Take a connection under supervision."""
        connection = Connection(stream, self._limits)
        connection.draining = self.draining
        self._open.add(connection)
        return connection

    def discard(self, connection: Connection) -> None:
        """Let go of a connection that is closed."""
        self._open.discard(connection)
        if not self._open:
            self._none_left.set()
            self._none_left = trio.Event()

    def reserve(self, amount: int) -> bool:
        """Account for ``amount`` bytes of a body on its way; False if there is no room."""
        if self._buffered + amount > self._limits.max_buffered:
            return False
        self._buffered += amount
        return True

    def release(self, amount: int) -> None:
        """Give back what was reserved."""
        self._buffered -= amount

    def drain(self) -> None:
        """Close idle connections now; the others close after what they are doing."""
        self.draining = True
        self._hurry.set()
        for connection in self._open:
            connection.drain()

    def abort(self) -> None:
        """Close every socket, whoever waits for it, even behind a shield."""
        for connection in self._open:
            connection.abort()

    async def wait_none_left(self) -> None:
        """Wait until no connection is open."""
        if self._open:
            await self._none_left.wait()

    async def reap(self) -> None:
        """Enforce deadlines until cancelled."""
        while True:
            if self.draining:
                await trio.sleep(min(self._limits.reap_interval, self._limits.stall_timeout / 4))
            else:
                with trio.move_on_after(self._limits.reap_interval):
                    await self._hurry.wait()
            now = trio.current_time()
            for connection in [c for c in self._open if c.deadline <= now]:
                connection.expire(now)
