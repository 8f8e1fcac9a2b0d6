"""A load generator for HTTP that is not the bottleneck: raw sockets, prepared bytes, epoll.

A worker process: see `bench.workers` for how it is started and what it prints. Each connection has
one request under way; an answer that is not 200, or none for `LIMIT` seconds, ends it with an
error. A slice is over after so many requests or so many seconds, and all of them are answered.
"""

from __future__ import annotations

import select
import socket
import time
from itertools import cycle
from typing import Any

from bench.workers import serve_one

# Seconds without any answer after which it gives up.
LIMIT = 60.0


class Connection:
    """One keep-alive connection with at most one request under way."""

    __slots__ = ("buffer", "missing", "sent", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # With a time limit each call would wait for the socket by a system call of its own.
        self.socket.settimeout(0)
        self.sent = 0.0
        self.buffer = b""
        self.missing = 0

    def send(self, request: bytes) -> None:
        """Send a request, which is small: there is room for it, once the last is answered."""
        if self.socket.send(request) != len(request):
            raise SystemExit("a request did not fit into the socket's buffer")

    def receive(self) -> bool:
        """Take what has come; tell whether the answer is whole."""
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise SystemExit("the server closed a connection")
        if self.missing:
            self.missing -= len(piece)
            return self.missing == 0
        data = self.buffer + piece if self.buffer else piece
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self.buffer = data
            return False
        if not data.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"not 200: {data[:500]!r}")
        self.buffer = b""
        self.missing = end + 4 + length_of(data, end) - len(data)
        return self.missing == 0


def length_of(data: bytes, end: int) -> int:
    """Return the length that an answer's head states."""
    at = data.find(b"Content-Length: ", 0, end)
    start = at + 16
    if at < 0:  # Hypercorn writes names in lower case
        at = data.lower().find(b"content-length: ", 0, end)
        start = at + 16
        if at < 0:
            raise SystemExit(f"an answer without a length: {data[:end]!r}")
    return int(data[start : data.index(b"\r", start)])


def prepared(path: str, calls: list[list[str]], method: str = "POST") -> list[bytes]:
    """Make the bytes of requests from pairs of token and body."""
    requests = []
    for token, body in calls:
        content = body.encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        requests.append(head.encode() + content)
    return requests


class Load:
    """So many connections, open; `run` sends requests over them."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.requests = prepared(spec["path"], spec["calls"], spec["method"])
        self.limit = spec["requests"]
        self.seconds = spec["seconds"]
        self.following = cycle(self.requests).__next__
        self.opened = [Connection(spec["port"]) for _ in range(spec["connections"])]

    def run(self) -> tuple[float, list[float]]:
        """Send until there is enough; what is answered after the time is up does not count."""
        clock = time.perf_counter
        following = self.following
        epoll = select.epoll()
        opened = {connection.socket.fileno(): connection for connection in self.opened}
        for number in opened:
            epoll.register(number, select.EPOLLIN)
        latencies: list[float] = []
        begun = now = clock()
        until = begun + self.seconds
        under_way = 0
        for connection in self.opened[: self.limit]:
            connection.sent = clock()
            connection.send(following())
            under_way += 1
        left = self.limit - under_way
        while under_way:
            ready = epoll.poll(LIMIT)
            if not ready:
                raise SystemExit(f"no answer within {LIMIT:g} s")
            for number, _events in ready:
                connection = opened[number]
                if not connection.receive():
                    continue
                now = clock()
                if now < until:
                    latencies.append(now - connection.sent)
                    if left > 0:
                        left -= 1
                        connection.sent = now
                        connection.send(following())
                        continue
                under_way -= 1
        epoll.close()
        return min(now, until) - begun, latencies


if __name__ == "__main__":
    serve_one(Load)
