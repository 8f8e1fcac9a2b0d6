"""A server with a tiny application and a tiny dispatcher, and a client that speaks raw bytes."""

from collections.abc import AsyncGenerator

import msgspec
import trio
import trio.testing
from quart import Response, request
from quart_trio import QuartTrio

from mdb.http.asgi import KeepAliveConnection
from mdb.http.limits import Limits
from mdb.http.reply import Reply

PATIENCE = 20.0  # seconds; a test that waits longer hangs

JSON_HEAD = b"POST /rpc HTTP/1.1\r\nHost: mdb\r\n"


def call(body=b"[]", *extra, head=JSON_HEAD):
    """Return a request with its length stated."""
    lines = b"".join(line + b"\r\n" for line in extra)
    return b"%s%sContent-Length: %d\r\n\r\n%s" % (head, lines, len(body), body)


class Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self):
        return msgspec.json.decode(self.body)["error"]["code"]


class Client:
    """One connection to the server."""

    def __init__(self, stream):
        self.stream = stream
        self._buffer = bytearray()

    async def send(self, data):
        with trio.fail_after(PATIENCE):
            await self.stream.send_all(data)

    async def send_in_pieces(self, data, size):
        for start in range(0, len(data), size):
            await self.send(data[start : start + size])
            await trio.testing.wait_all_tasks_blocked()

    async def _more(self):
        with trio.fail_after(PATIENCE):
            data = await self.stream.receive_some(65536)
        self._buffer += data
        return bool(data)

    async def until(self, mark):
        """Read up to and including ``mark``."""
        while mark not in self._buffer:
            assert await self._more(), f"the connection ended after {self._buffer!r}"
        return await self.exactly(self._buffer.index(mark) + len(mark))

    async def exactly(self, size):
        while len(self._buffer) < size:
            assert await self._more(), f"the connection ended after {self._buffer!r}"
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def rest(self):
        """Read until the server closes."""
        while await self._more():
            pass
        return await self.exactly(len(self._buffer))

    async def answer(self):
        """Read one answer."""
        lines = (await self.until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        pairs = (line.partition(": ") for line in lines[1:] if line)
        headers = {name.lower(): value for name, _, value in pairs}
        if "content-length" in headers:
            body = await self.exactly(int(headers["content-length"]))
        elif headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(await self.until(b"\r\n"), 16):
                body += await self.exactly(size)
                assert await self.exactly(2) == b"\r\n"
            assert await self.exactly(2) == b"\r\n"
        elif status < 200:
            body = b""
        else:
            body = await self.rest()
        return Answer(status, headers, body)


class Pieces:
    """A streamed body: ``count`` pieces, then a fault if ``fail``."""

    def __init__(self, count, *, fail=False):
        self.count = count
        self.fail = fail
        self.closed = trio.Event()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        try:
            for number in range(self.count):
                yield b"<%d>" % number
            if self.fail:
                raise RuntimeError("the page cannot be read")
        finally:
            self.closed.set()


class Rpc:
    """A dispatcher that records its calls and answers with the body it got.

    ``nursery``: where it answers what it is asked to begin; None: it begins nothing.
    """

    def __init__(self, nursery=None):
        self.nursery = nursery
        self.calls = []
        self.entered = trio.Event()
        self.gate = trio.Event()
        self.streamed = None

    def begin(self, body, *, authorization, request_id, done):
        if self.nursery is None or body == b'"raise"':
            return False

        async def answer():
            done(await self(body, authorization=authorization, request_id=request_id))

        self.nursery.start_soon(answer)
        return True

    async def __call__(self, body, *, authorization, request_id):
        self.calls.append((body, authorization, request_id))
        headers = (("X-Request-Id", request_id or "made-here"),)
        if body == b'"wait"':
            self.entered.set()
            await self.gate.wait()
        if body == b'"big"':
            return Reply(200, b"x" * 30_000_000, headers)
        if body == b'"raise"':
            raise RuntimeError("secret")
        if body.startswith(b'"stream'):
            self.streamed = Pieces(int(body[7:8]), fail=b"fail" in body)
            return Reply(200, self.streamed, headers)
        return Reply(200, b"lane:" + body, headers)


class App(QuartTrio):
    asgi_http_class = KeepAliveConnection


def tiny_app(draining, app_class=App):
    """Return an application with one route of each kind that matters to the server."""
    app = app_class(__name__)
    app.ended = trio.Event()

    @app.get("/health")
    async def health():
        return {"status": "ok"}

    @app.post("/rpc")
    async def rpc():
        return b"quart:" + await request.get_data(), 200

    @app.get("/events")
    async def events():
        async def body():
            try:
                yield b": ready\n\n"
                await draining.wait()
            finally:
                app.ended.set()

        response = Response(body(), content_type="text/event-stream")
        response.timeout = None
        return response

    @app.get("/failing")
    async def failing():
        response = Response(Pieces(2, fail=True).chunks())
        response.timeout = None
        return response

    @app.get("/timed")
    async def timed():
        async def body():
            yield b": ready\n\n"
            await trio.sleep_forever()

        return Response(body(), content_type="text/event-stream")

    @app.get("/endless")
    async def endless():
        async def body():
            try:
                while True:
                    yield b"data: " + b"x" * 60_000 + b"\n\n"
            finally:
                app.ended.set()

        response = Response(body(), content_type="text/event-stream")
        response.timeout = None
        return response

    return app


class Server:
    def __init__(self, port, rpc, app, draining, stopped, gone, cancel):
        self.port = port
        self.rpc = rpc
        self.app = app
        self.draining = draining
        self.stopped = stopped  # set when serve() has returned
        self.gone = gone  # set when serve() has ended in any way
        self.cancel = cancel
        self.clients = []

    def _client(self, stream):
        self.clients.append(Client(stream))
        return self.clients[-1]

    async def connect(self):
        return self._client(await trio.open_tcp_stream("127.0.0.1", self.port))

    async def connect_tls(self, context):
        tcp = await trio.open_tcp_stream("127.0.0.1", self.port)
        stream = trio.SSLStream(tcp, context, server_hostname="localhost", https_compatible=True)
        client = self._client(stream)
        await stream.do_handshake()
        return client


def quick(**changes):
    """Return limits under which nothing expires in a test but what ``changes`` shortens."""
    defaults = {
        "head_timeout": 60.0,
        "idle_timeout": 60.0,
        "body_timeout": 60.0,
        "send_timeout": 60.0,
        "stall_timeout": 60.0,
        "handshake_timeout": 60.0,
        "linger_timeout": 60.0,
        "grace": 60.0,
        "reap_interval": 0.01,
    }
    return Limits(**(defaults | changes))
