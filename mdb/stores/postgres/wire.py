"""A session's socket, read by the very task that waits for the answer.

Through asyncio an answer takes five steps: a task of the guest loop waits for the socket, queues a
call, the loop's own task runs that, it reads, and what it read wakes the one that waits. Here the
one that waits reads. So nobody reads while a session is idle: whoever takes it looks first whether
the server is still there.
"""

from __future__ import annotations

import asyncio.selector_events
import logging
import os
from collections.abc import Callable
from functools import partial
from typing import NoReturn

import trio

from mdb.stores.postgres.driven import DirectFuture, raise_it, until_done

log = logging.getLogger("mdb.stores.postgres.wire")

# Bytes read at a time. An answer to a write has some hundred; a page of messages takes several.
MOST = 65536

# The server's messages: a byte that says which, and a length that counts itself.
_HEAD = 5
_ERROR = ord("E")


class Wire:
    """Reads a connection's socket in place of the guest loop, from `over` until `give_back`.

    For one task at a time. Whatever else waits for the server in that time, a task of asyncio's for
    instance, waits in vain: give it back first.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        """Take the socket over from the guest loop. `transport`: open, of a plain socket."""
        self._transport = transport
        self._fd: int = transport.get_extra_info("socket").fileno()
        self._received = transport.get_protocol().data_received  # type: ignore[attr-defined]
        self._wake = partial(trio.lowlevel.notify_closing, self._fd)
        self._ours = True
        transport.pause_reading()

    @classmethod
    def over(cls, transport: asyncio.BaseTransport) -> Wire | None:
        """Take a connection's socket over; None where asyncio has to read it, as with TLS."""
        plain = isinstance(transport, asyncio.selector_events._SelectorSocketTransport)  # type: ignore[attr-defined]
        if not plain or transport.is_closing():
            return None
        return cls(transport)  # type: ignore[arg-type]

    def give_back(self) -> None:
        """Have the guest loop read from here on. May be called twice."""
        if self._ours:
            self._ours = False
            self._transport.resume_reading()

    async def until_done(self, future: asyncio.Future[object]) -> Callable[[], NoReturn] | None:
        """Read until a future is done. Cancelled, cancel it, and return what raises `Cancelled`.

        It may also be ended by others, who drop the connection for instance: that wakes, too. Past
        the end of the connection it is waited for what the driver makes of that.
        """
        while not future.done():
            # Once closed, the socket's number may be that of another.
            if self._transport.is_closing() or not isinstance(future, DirectFuture):
                self.give_back()
            if not self._ours:
                return await until_done(future)
            assert isinstance(future, DirectFuture)
            future.wake = self._wake
            try:
                await trio.lowlevel.wait_readable(self._fd)
            except trio.ClosedResourceError:
                continue  # woken: the future is done
            except OSError:
                self.give_back()
                continue
            except BaseException as exc:  # noqa: ASYNC103  (raised by what is returned)
                future.cancel()
                return partial(raise_it, exc)  # noqa: ASYNC104  (the same)
            finally:
                future.wake = None
            # Done and closed by another task in the same moment, it is no longer ours to read.
            if not future.done():
                self._read()
        return None

    def is_sound(self) -> bool:
        """Look whether an idle session can be used: take in what came, which must be no goodbye.

        It is a notice or a changed setting, or else an error, which ends an idle session. What is
        not understood counts as that. Costs a system call.
        """
        while True:
            try:
                data = os.read(self._fd, MOST)
            except BlockingIOError:
                return not self._transport.is_closing()
            except OSError:
                return False
            if not data or not _is_harmless(data):
                return False
            self._feed(data)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, MOST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._feed(data)
        else:
            # The guest loop meets the same end there, and tells the driver.
            self.give_back()

    def _feed(self, data: bytes) -> None:
        try:
            self._received(data)
        except Exception:
            log.exception("the driver failed at what the server sent")
            self._transport.abort()


def _is_harmless(data: bytes) -> bool:
    """Whether it is whole messages, none of them an error."""
    at = 0
    while at + _HEAD <= len(data):
        if data[at] == _ERROR:
            return False
        at += 1 + int.from_bytes(data[at + 1 : at + _HEAD])
    return at == len(data)
