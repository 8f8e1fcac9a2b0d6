"""Subscribers, and a writer whose answers their pokes are timed from.

A worker process, see `bench.workers`. It is ready when every subscriber is. Each of the `writes`
is sent when all subscribers have had the poke of the one before; the latencies are those of the
pokes, from the moment that the write's answer was there. A poke that was there before is one of 0.
"""

from __future__ import annotations

import resource
import selectors
import socket
import time
from typing import Any

from bench.load import LIMIT, Connection, prepared
from bench.workers import serve_one

POKE = b"event: poke"

# Subscribers that are opened at a time: fewer than a listener's queue holds.
AT_ONCE = 100


class Subscriber:
    """One event stream."""

    __slots__ = ("seen", "socket")

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.socket.sendall(request)
        self.seen = b""

    def receive(self) -> None:
        """Take what has come."""
        piece = self.socket.recv(1 << 14)
        if not piece:
            raise SystemExit(f"a subscription ended: {self.seen[:500]!r}")
        self.seen += piece

    def pokes(self) -> int:
        """Count the pokes since the last look."""
        found = self.seen.count(POKE)
        self.seen = self.seen[1 - len(POKE) :]  # what could be the beginning of one
        return found


class Followers:
    """So many subscribers, all ready, and a writer."""

    def __init__(self, spec: dict[str, Any]) -> None:
        _allow_files(spec["subscribers"])
        self.selector = selectors.DefaultSelector()
        self.subscribers: list[Subscriber] = []
        query = f"/subscribe?{spec['query']}&token={spec['token']}"
        request = f"GET {query} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
        while len(self.subscribers) < spec["subscribers"]:
            count = min(AT_ONCE, spec["subscribers"] - len(self.subscribers))
            self._open([Subscriber(spec["port"], request) for _ in range(count)])
        self.writes = prepared("/rpc", spec["writes"])
        self.writer = Connection(spec["port"])
        self.selector.register(self.writer.socket, selectors.EVENT_READ, self.writer)

    def _open(self, new: list[Subscriber]) -> None:
        for subscriber in new:
            self.selector.register(subscriber.socket, selectors.EVENT_READ, subscriber)
        waiting = set(new)
        while waiting:
            for key, _events in self._ready():
                key.data.receive()
                if b": ready\n\n" in key.data.seen:
                    waiting.discard(key.data)
        for subscriber in new:
            subscriber.pokes()
        self.subscribers += new

    def _ready(self) -> list[tuple[selectors.SelectorKey, int]]:
        found = self.selector.select(LIMIT)
        if not found:
            raise SystemExit(f"nothing within {LIMIT:g} s")
        return found

    def run(self) -> tuple[float, list[float]]:
        """Write one message after the other; the latencies are those of the pokes."""
        begun = time.perf_counter()
        latencies: list[float] = []
        for request in self.writes:
            self.writer.socket.sendall(request)
            answered, arrived = self._arrivals()
            latencies += [max(moment - answered, 0.0) for moment in arrived]
        return time.perf_counter() - begun, latencies

    def _arrivals(self) -> tuple[float, list[float]]:
        answered = 0.0
        arrived: list[float] = []
        while not answered or len(arrived) < len(self.subscribers):
            for key, _events in self._ready():
                if key.data is self.writer:
                    if self.writer.receive():
                        answered = time.perf_counter()
                    continue
                key.data.receive()
                arrived += [time.perf_counter()] * key.data.pokes()
        return answered, arrived


def _allow_files(count: int) -> None:
    """Raise the limit of open files as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 100
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            raise SystemExit(f"{wanted} open files are needed, ulimit -Hn allows {hard}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    serve_one(Followers)
