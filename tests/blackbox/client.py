"""A client of the tests' own: Python's http.client in threads, nothing of the server's code."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from fixtures.server import LIMIT, Server

# Seconds for an answer: the server's own 30, and 5 more for a commit whose outcome is open.
_ANSWER = LIMIT + 15

# What a connection looks like from here when the server is killed, stopped, or closes it.
BROKEN = (http.client.HTTPException, ConnectionError)


@dataclass(frozen=True)
class Answer:
    """A whole answer. `result` is its body, read exactly: decimals are not made floats."""

    status: int
    result: Any
    token: str | None

    @property
    def code(self) -> str:
        return self.result["error"]["code"]


class Client:
    """One connection; it stays open from call to call."""

    def __init__(self, server: Server, token: str | None = None) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_ANSWER)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def connect(self) -> None:
        self._http.connect()

    def call(self, *call: object) -> Answer:
        """Make one call. Raises one of `BROKEN` where no whole answer came."""
        try:
            self._http.request("POST", "/rpc", json.dumps(call), self._headers)
            response = self._http.getresponse()
            body = response.read()
        except BaseException:
            self.close()
            raise
        token = response.getheader("X-MessageDB-Token")
        return Answer(response.status, exact(body), token)

    def result(self, *call: object) -> Any:
        """Make one call that must succeed."""
        answer = self.call(*call)
        assert answer.status == 200, (call, answer)
        return answer.result

    def close(self) -> None:
        self._http.close()


@contextmanager
def connected(server: Server, token: str | None = None) -> Iterator[Client]:
    client = Client(server, token)
    try:
        yield client
    finally:
        client.close()


def hammer(
    server: Server,
    token: str | None,
    calls: Iterable[Sequence[object]],
    *,
    connections: int,
    answered: Callable[[int, Answer], None],
) -> None:
    """Make calls over so many connections at once; each connection takes the next that is left.

    All connections are open before the first call. A connection that breaks makes no more calls.
    `answered` gets the call's number and its answer, one at a time, before that connection goes
    on.
    """
    left = iter(enumerate(calls))
    turn = threading.Lock()
    start = threading.Barrier(connections, timeout=LIMIT)

    def work() -> None:
        with connected(server, token) as client:
            client.connect()
            start.wait()
            while True:
                with turn:
                    number, call = next(left, (-1, ()))
                if not call:
                    return
                try:
                    answer = client.call(*call)
                except BROKEN:
                    return
                with turn:
                    answered(number, answer)

    at_once(connections, lambda _number: work())


def at_once(threads: int, work: Callable[[int], Any]) -> list[Any]:
    """Run `work(0)` to `work(threads - 1)`, each in a thread; return their results in order."""
    with ThreadPoolExecutor(threads) as pool:
        return [done.result(2 * _ANSWER) for done in [pool.submit(work, n) for n in range(threads)]]


def exact(body: bytes | str) -> Any:
    """Decode JSON without loss."""
    return json.loads(body, parse_float=Decimal)


def canonical(value: object) -> object:
    """Make decoded JSON comparable as JSON: 1 equals 1.0, and true equals neither."""
    if isinstance(value, dict):
        return {name: canonical(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [canonical(inner) for inner in value]
    return ("bool", value) if isinstance(value, bool) else value


def member_of(stream: str, size: int) -> int | None:
    """Say which member of a consumer group reads a stream, as Message DB defines it."""
    _category, dash, identifier = stream.partition("-")
    if not dash:
        return None
    digest = hashlib.md5(identifier.split("+")[0].encode()).digest()
    return abs(int.from_bytes(digest[:8], "big", signed=True)) % size


class Follower:
    """A subscriber in a thread of its own. Use as a context manager; it hangs up at the end.

    It is registered when it is made. With `leave_after` it hangs up by itself when it has had so
    many pokes, or a few more that came in the same piece.
    """

    def __init__(
        self,
        server: Server,
        token: str,
        *,
        last_id: str | None = None,
        leave_after: int = sys.maxsize,
        **query: str,
    ) -> None:
        self.events: list[tuple[str, str]] = []
        """Id and data of each poke, as they came."""
        self.clean_end = False
        """Whether the stream ended with its final chunk."""
        self._leave_after = leave_after
        self._changed = threading.Condition()
        self._ended = False
        self._fault: Exception | None = None
        self._http = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)
        headers = {"Authorization": f"Bearer {token}"}
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        self._http.connect()
        self._socket = self._http.sock
        self._http.request("GET", f"/subscribe?{urlencode(query)}", headers=headers)
        self._response = self._http.getresponse()
        assert self._response.status == 200, self._response.read()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"follower {query}")
        self._thread.start()
        assert self._ready.wait(LIMIT), self._fault

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *exc: object) -> None:
        self.hang_up()

    @property
    def pokes(self) -> list[tuple[str, int, int]]:
        """Stream, position and global position of each poke. Its id is the global position."""
        found = [(identifier, json.loads(data)) for identifier, data in list(self.events)]
        assert all(int(identifier) == poke["globalPosition"] for identifier, poke in found)
        return [(poke["stream"], poke["position"], poke["globalPosition"]) for _id, poke in found]

    def wait_for(self, count: int) -> None:
        """Wait until so many pokes have come in all."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.events) >= count or self._ended, LIMIT)
        assert self._fault is None, self._fault
        assert len(self.events) >= count, f"{len(self.events)} pokes of {count}"

    def wait_end(self) -> None:
        """Wait until the server ends the stream."""
        self._thread.join(LIMIT)
        assert not self._thread.is_alive(), "the subscription does not end"
        assert self._fault is None, self._fault

    def hang_up(self) -> None:
        if self._thread.is_alive():
            self._socket.shutdown(socket.SHUT_RDWR)
            self._thread.join(LIMIT)
        self._response.close()
        self._http.close()

    def _run(self) -> None:
        buffer = b""
        try:
            while piece := self._response.read1(65536):
                *blocks, buffer = (buffer + piece).split(b"\n\n")
                for block in blocks:
                    self._take(block.decode())
                if len(self.events) >= self._leave_after:
                    self._socket.shutdown(socket.SHUT_RDWR)
                    return
            self.clean_end = True
        except BROKEN:
            pass  # hung up, or the server was killed: no final chunk
        except Exception as fault:
            self._fault = fault
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _take(self, block: str) -> None:
        lines = block.split("\n")
        if ": ready" in lines:
            self._ready.set()
        fields = dict(line.split(": ", 1) for line in lines if line and not line.startswith(":"))
        if "event" in fields:
            assert fields["event"] == "poke", block
            with self._changed:
                self.events.append((fields["id"], fields["data"]))
                self._changed.notify_all()
