"""Answers as bytes. No I/O."""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from mdb.http.reply import Reply

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus
}


@lru_cache(maxsize=64)
def _beginning_at(status: int, content_type: str, second: int) -> bytes:
    # A server with a clock must send the date (RFC 9110, 6.6.1).
    date = formatdate(second, usegmt=True)
    lines = f"{_STATUS_LINES[status]}Date: {date}\r\nContent-Type: {content_type}\r\n"
    return lines.encode("ascii")


def _beginning(reply: Reply) -> bytes:
    """Return how an answer begins: status line, Date, Content-Type; made once a second."""
    return _beginning_at(reply.status, reply.content_type, int(time.time()))


def whole(
    reply: Reply,
    body: bytes,
    *,
    extra: tuple[tuple[str, str], ...] = (),
    keep_alive: bool,
    old: bool = False,
) -> bytes:
    """Return a complete answer: the reply's head, and ``body`` with its length stated.

    Args:
        reply: Status and headers.
        body: The whole body.
        extra: Headers that are the server's own.
        keep_alive: Another request may follow on this connection.
        old: The request was HTTP/1.0.
    """
    if keep_alive and not (old or extra) and len(reply.headers) == 1:
        # What nearly every answer is, in one step.
        ((name, value),) = reply.headers
        rest = f"{name}: {value}\r\nContent-Length: {len(body)}\r\n\r\n"
        return _beginning(reply) + rest.encode("latin-1") + body
    head = _head(reply, extra, keep_alive=keep_alive, old=old)
    return b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)


def streamed_head(
    reply: Reply, *, extra: tuple[tuple[str, str], ...] = (), keep_alive: bool, old: bool
) -> bytes:
    """Return the head of an answer whose length is not known.

    Over HTTP/1.1 it is chunked; over HTTP/1.0 the end of the connection ends it.
    """
    framing = b"\r\n" if old else b"Transfer-Encoding: chunked\r\n\r\n"
    return _head(reply, extra, keep_alive=keep_alive, old=old) + framing


def chunk(data: bytes, *, old: bool) -> bytes:
    """Return one piece of a streamed answer; ``data`` is not empty."""
    return data if old else b"%x\r\n%s\r\n" % (len(data), data)


def _head(
    reply: Reply, extra: tuple[tuple[str, str], ...], *, keep_alive: bool, old: bool
) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in reply.headers])
    if extra:
        lines += "".join([f"{name}: {value}\r\n" for name, value in extra])
    if not keep_alive:
        lines += "Connection: close\r\n"
    elif old:
        lines += "Connection: keep-alive\r\n"
    return _beginning(reply) + lines.encode("latin-1")
