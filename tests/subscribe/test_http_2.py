"""Following over HTTP/2, where one stream may stand still while its connection does not."""

from __future__ import annotations

import h2.config
import h2.connection
import h2.events
import trio
from fixtures.messages import message
from fixtures.served import server
from fixtures.sse import followers
from fixtures.wire import PATIENCE

from mdb.core.messages import Append
from mdb.follow import Follower
from mdb.http.limits import Limits


class Client:
    """Asks for one event stream, and reads the socket whether it takes the stream or not."""

    def __init__(self, stream):
        self.stream = stream
        self.http = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=False))

    async def subscribe(self, served):
        self.http.initiate_connection()
        head = {":method": "GET", ":path": "/subscribe?all=true", ":authority": "mdb"}
        head |= {":scheme": "http", "authorization": f"Bearer {served.own}"}
        self.http.send_headers(1, list(head.items()), end_stream=True)
        await self.stream.send_all(self.http.data_to_send())

    async def until_closed(self, *, taking):
        """Read until the server closes the connection; return what came of the stream."""
        text = b""
        with trio.fail_after(PATIENCE):
            while data := await self._piece():
                for event in self.http.receive_data(data):
                    if isinstance(event, h2.events.DataReceived):
                        text += event.data
                        if taking:
                            self.http.acknowledge_received_data(event.flow_controlled_length, 1)
                await self.stream.send_all(self.http.data_to_send())
        return text

    async def _piece(self):
        try:
            return await self.stream.receive_some(65536)
        except trio.BrokenResourceError:
            return b""


async def test_who_takes_nothing_of_the_stream_is_disconnected():
    async with server(limits=Limits(send_timeout=0.2, reap_interval=0.05)) as served:
        namespace = await served.database.namespace("tests")
        await namespace.append(Append(tuple(message("s-" + "x" * 400) for _ in range(900))))
        async with await trio.open_tcp_stream("127.0.0.1", served.port) as stream:
            client = Client(stream)
            await client.subscribe(served)
            assert b": ready" in await client.until_closed(taking=False)
        await followers(served, 0)


async def test_where_the_stream_breaks_off_its_client_is_told(monkeypatch):
    async def fail(self):
        raise RuntimeError("a fault")

    monkeypatch.setattr(Follower, "receive", fail)
    async with server() as served, await trio.open_tcp_stream("127.0.0.1", served.port) as stream:
        client = Client(stream)
        await client.subscribe(served)
        assert b": ready" in await client.until_closed(taking=True)
