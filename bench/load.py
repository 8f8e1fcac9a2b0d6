"""A load generator that does not become the bottleneck: one thread, raw sockets, prepared bytes.

Run as a program of its own: `python -m bench.load PORT CONNECTIONS REQUESTS < requests`, where the
standard input holds one JSON body a line and the environment the token. It prints seconds, and the
median and 99th percentile latency in seconds, as one JSON object. It ends by itself: after so many
requests, or with an error when an answer is not 200 or takes longer than `LIMIT`.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys
import time
from itertools import cycle

# Seconds without any answer after which it gives up.
LIMIT = 30.0


class Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent = 0.0
        self._buffer = b""

    def send(self, request: bytes) -> None:
        self.sent = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Take what has come; tell whether it is a whole answer."""
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise SystemExit("the server closed a connection")
        self._buffer += piece
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"not 200: {self._buffer[:500]!r}")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r", 1)[0])
        if len(body) < length:
            return False
        self._buffer = b""
        return True


def run(port: int, connections: int, requests: int, bodies: list[bytes]) -> dict[str, float]:
    token = os.environ.get("MESSAGEDB_TOKEN", "")
    head = f"POST /rpc HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
    prepared = cycle(
        f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies
    )
    selector = selectors.DefaultSelector()
    opened = [Connection(port) for _ in range(connections)]
    for connection in opened:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    latencies: list[float] = []
    begun = time.perf_counter()
    for connection in opened:
        connection.send(next(prepared))
    under_way = connections
    while under_way:
        ready = selector.select(LIMIT)
        if not ready:
            raise SystemExit(f"no answer within {LIMIT:g} s")
        for key, _events in ready:
            connection = key.data
            if connection.receive():
                latencies.append(time.perf_counter() - connection.sent)
                if len(latencies) + under_way <= requests:
                    connection.send(next(prepared))
                else:
                    under_way -= 1
    seconds = time.perf_counter() - begun
    latencies.sort()
    return {
        "seconds": seconds,
        "median": latencies[len(latencies) // 2],
        "p99": latencies[int(len(latencies) * 0.99)],
    }


if __name__ == "__main__":
    port, connections, requests = (int(text) for text in sys.argv[1:4])
    print(json.dumps(run(port, connections, requests, sys.stdin.buffer.read().splitlines())))
