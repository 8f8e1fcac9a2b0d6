"""A namespace of a running server, and an upload whose pieces a test sends when it likes."""

from __future__ import annotations

import http.client
import itertools
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from tests.fixtures.server import LIMIT, Server


class Answer(msgspec.Struct):
    status_code: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return json.loads(self.content)


def ask(
    server: Server,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Make a request; nothing is done about a Content-Encoding."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, found, answer.read())
    finally:
        connection.close()


def rpc(server: Server, token: str | None, *call: object) -> Answer:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return ask(server, "POST", "/rpc", json.dumps(call).encode(), headers)


class Tenant:
    """One namespace, over HTTP."""

    def __init__(self, server: Server, name: str, token: str) -> None:
        self.server = server
        self.name = name
        self.token = token

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def rpc(self, *call: object) -> Any:
        answer = rpc(self.server, self.token, *call)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def write(self, stream: str, data: object = None, **more: Any) -> dict[str, Any]:
        message = {"type": more.pop("type", "Happened"), "data": data}
        if "metadata" in more:
            message["metadata"] = more.pop("metadata")
        return self.rpc("stream.write", stream, message, more)

    def get(self, query: str = "", **headers: str) -> Answer:
        sent = {"Accept-Encoding": "identity", **self.headers, **headers}
        return ask(self.server, "GET", f"/export{query}", headers=sent)

    def export(self, query: str = "") -> bytes:
        answer = self.get(query)
        assert answer.status_code == 200, answer.text
        return answer.content

    def post(self, body: bytes, query: str = "") -> Answer:
        return ask(self.server, "POST", f"/import{query}", body, self.headers)

    def import_(self, body: bytes) -> list[dict[str, Any]]:
        """Import; return the events. The body is in one piece, so its end is never missing."""
        answer = self.post(body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/event-stream")
        return events(answer.text)

    @contextmanager
    def upload(self) -> Iterator[Upload]:
        upload = Upload(self)
        try:
            yield upload
        finally:
            upload.break_off()


numbers = itertools.count(1)


def tenant_of(server: Server) -> Tenant:
    """Make a namespace."""
    name = f"tenant-{next(numbers)}"
    answer = rpc(server, server.default_token, "ns.create", name)
    assert answer.status_code == 200, answer.text
    return Tenant(server, name, answer.json()["token"])


class Upload:
    """An import under way; the answer is read while the request is still being sent."""

    def __init__(self, tenant: Tenant) -> None:
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", tenant.server.port, timeout=LIMIT
        )
        self._connection.putrequest("POST", "/import")
        for name, value in tenant.headers.items():
            self._connection.putheader(name, value)
        self._connection.putheader("Transfer-Encoding", "chunked")
        self._connection.endheaders()
        self.response = self._connection.getresponse()
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self._connection.send(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        self._connection.send(b"0\r\n\r\n")

    def event(self) -> dict[str, Any] | None:
        """Wait for the next event; None at the end."""
        while b"\n\n" not in self._buffer:
            piece = self.response.read1(65536)
            if not piece:
                return None
            self._buffer += piece
        text, _, self._buffer = self._buffer.partition(b"\n\n")
        if text.startswith(b":"):
            return self.event()
        return json.loads(text.removeprefix(b"data: "))

    def events(self) -> Iterator[dict[str, Any]]:
        while (event := self.event()) is not None:
            yield event

    def break_off(self) -> None:
        """Go away in the middle."""
        self.response.close()
        self._connection.close()


def events(text: str) -> list[dict[str, Any]]:
    frames = [frame for frame in text.split("\n\n") if frame and not frame.startswith(":")]
    assert all(frame.startswith("data: ") for frame in frames), text
    return [json.loads(frame.removeprefix("data: ")) for frame in frames]


def line(gpos: int, stream: str = "account-1", pos: int = 0, **more: Any) -> dict[str, Any]:
    """A line of an export, as an object."""
    return {
        "id": str(uuid.uuid4()),
        "stream": stream,
        "type": "Happened",
        "pos": pos,
        "gpos": gpos,
        "data": {"n": gpos},
        "meta": None,
        "time": "2026-01-15T10:30:00.123456Z",
        **more,
    }


def text(lines: Sequence[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines)


def history(count: int, streams: int = 3, first: int = 1, **more: Any) -> list[dict[str, Any]]:
    """Messages over some streams, in turn."""
    return [line(first + n, f"account-{n % streams}", n // streams, **more) for n in range(count)]
