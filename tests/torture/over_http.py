"""The storm's servers and subscribers over HTTP: real processes, connections, event streams."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence

import trio
from fixtures.served import Served
from fixtures.sse import Events, as_poke, encoded
from fixtures.wire import Wire

from mdb.core.messages import Append, Follow, Poke
from mdb.follow import Delivery
from tests.fixtures.server import Server, start_process

TOKEN = "ns_ZGVmYXVsdA_" + "ab" * 32


@contextlib.contextmanager
def start_lossy(seed: int, *args: str) -> Iterator[Server]:
    """Start a server that does not hear every notification (see `lossy_server`)."""
    command = [str(seed), "serve", "--port=0", f"--token={TOKEN}", "--log-level=error", *args]
    with start_process(command, module="tests.torture.lossy_server") as server:
        server.wait_listening()
        yield server


class Line(Wire):
    """A connection whose reads can be cancelled at any point and lose nothing."""

    async def chunk(self) -> bytes:
        while True:
            head, mark, rest = self._buffer.partition(b"\r\n")
            size = int(head, 16) if mark else 0
            if mark and len(rest) >= size + 2:
                self._buffer = rest[size + 2 :]
                return rest[:size]
            await self._more()


class Follower:
    """As `mdb.follow.Follower`, but at the other end of a connection."""

    def __init__(self, port: int, follow: Follow, after: int) -> None:
        self._port = port
        self._query = query(follow)
        self._after = after
        self._events: Events | None = None
        self._line: Line | None = None

    async def receive(self) -> Delivery:
        """Wait for the next event. Cancelled, nothing of it is lost."""
        if self._events is None:
            self._events = await self._subscribe()
        event = await self._events.next()
        assert event is not None, "the server ended the stream"
        if event.id is not None:
            self._after = int(event.id)
        pokes: tuple[Poke, ...] = ()
        if event.event is not None:
            told = as_poke(event)
            pokes = (Poke(told.stream, told.position, told.global_position),)
        return Delivery(pokes, (), self._after)

    async def _subscribe(self) -> Events:
        self.close()
        self._line = line = await Line.connect(self._port)
        headers = [("Authorization", f"Bearer {TOKEN}")]
        if self._after:
            headers.append(("Last-Event-ID", str(self._after)))
        await line.send("GET", f"/subscribe?{self._query}", headers)
        status, found = await line.head()
        assert status == 200, status
        events = Events(line, found)
        await events.ready()
        return events

    def close(self) -> None:
        """Hang up, without a word."""
        if self._line is not None:
            self._line.stream.socket.close()
            self._line = None


def query(follow: Follow) -> str:
    if follow.kind == "all":
        return "all=true"
    if follow.kind == "stream":
        # A position is where the client begins: one that comes back names its last event alone.
        assert follow.min_position == 0
        return encoded(stream=follow.name)
    options: dict[str, object] = {"category": follow.name}
    if follow.group is not None:
        options["consumer"], options["size"] = follow.group
    if follow.correlation is not None:
        options["correlation"] = follow.correlation
    return encoded(**options)


class Remote:
    """The namespace of a server, as much of it as the storm uses."""

    def __init__(self, server: Server) -> None:
        self.port = server.port
        self._served = Served(None, server.port, None, own=TOKEN)

    async def append(self, append: Append) -> None:
        items = [
            [
                message.stream,
                {
                    "type": message.type,
                    "data": json.loads(message.data),
                    "metadata": json.loads(message.metadata) if message.metadata else None,
                },
            ]
            for message in append.messages
        ]
        answer = await self._served.call("ns.transact", items)
        assert answer.status == 200, answer

    def follow(self, follow: Follow, after: int) -> Follower:
        return Follower(self.port, follow, after)

    async def stored(self, categories: Sequence[str]) -> list[list[object]]:
        """All messages of some categories, in the layout of `category.get`, in order."""
        found = []
        for category in categories:
            answer = await self._served.call("category.get", category, {"batchSize": -1})
            found += answer.result
        return sorted(found, key=lambda message: message[4])

    async def close(self) -> None:
        with trio.CancelScope(shield=True):
            await self._served.close()
