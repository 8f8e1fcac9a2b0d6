"""The HTTP client of the commands.

Python's own: what a command needs of HTTP is little, and a process that lives for one call feels
what it imports. No proxy is used and no redirect followed.
"""

from __future__ import annotations

import http.client
import select
import ssl
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from mdb.cli.failures import Failed
from mdb.cli.remote import Target
from mdb.version import VERSION

# What goes wrong with a connection: the system's errors (TLS's are among them) and framing.
BROKEN: Final = (OSError, http.client.HTTPException)

# Bytes of an answer that is no stream. A page of messages is the largest.
_ANSWER_LIMIT: Final = 1 << 30

_PIECE: Final = 65_536


class Refused(Failed):
    """The server answered with an error."""

    def __init__(self, code: str, message: str, details: Mapping[str, Any]) -> None:
        """As the server's answer says."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.details = details


class Unreachable(Failed):
    """The server cannot be connected to: it has not heard of the request."""


class Lost(Failed):
    """The connection broke: the server may or may not have heard of the request."""


class _Error(msgspec.Struct):
    code: str
    message: str
    details: dict[str, Any] = {}


class _Answer(msgspec.Struct):
    error: _Error


class Client:
    """A connection to a server, opened when first needed and kept. Close it, or use `with`.

    Interrupted (KeyboardInterrupt) it is of no further use: an answer may still be under way.
    """

    def __init__(self, target: Target) -> None:
        """No I/O."""
        self.target = target
        self._connection: http.client.HTTPConnection | None = None

    def call(self, method: str, *arguments: object) -> bytes:
        """Make a call; return the result's JSON. Raises `Refused`, `Unreachable`, `Lost`.

        An argument may be `msgspec.Raw`: JSON that goes through as it is.
        """
        body = msgspec.json.encode([method, *_without_trailing_none(arguments)])
        headers = {"Content-Type": "application/json"}
        with self._request("POST", "/rpc", headers, body) as response:
            return _read(self.target, response)

    def get(self, path: str) -> tuple[int, bytes]:
        """Fetch a page of the server's; return its status and body. Raises as `call`."""
        with self._request("GET", path, {}) as response:
            return response.status, _whole(self.target, response)

    def follow(self, path: str, headers: Mapping[str, str]) -> Iterator[bytes]:
        """Fetch an endless answer, in pieces as they come. Raises as `call`.

        Returns where the server ends the answer in order.
        """
        try:
            with self._request("GET", path, headers) as response:
                if response.status != 200:
                    _read(self.target, response)
                while piece := _some(self.target, response):
                    yield piece
        finally:
            self.close()  # what is left of the answer stands in the way of another

    def upload(
        self, path: str, headers: Mapping[str, str], pieces: Iterable[bytes]
    ) -> Iterator[bytes]:
        """Post what has no known length, in chunks; give the answer's pieces as they come.

        The answer is read while the request is still being sent, and where it ends early no more
        is sent. Raises as `call`, and what `pieces` does; left before its end, the request is
        broken off, so that the server takes it for incomplete.
        """
        connection = self._connect()
        try:
            connection.putrequest("POST", self.target.prefix + path)
            for name, value in self._headers({**headers, "Transfer-Encoding": "chunked"}).items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = _Answering(self.target, connection)
            for piece in pieces:
                if not answer.send(b"%x\r\n%b\r\n" % (len(piece), piece)):
                    break
                while answer.is_waiting():
                    yield answer.some()
            else:
                answer.send(b"0\r\n\r\n")
            while found := answer.some():
                yield found
        except BROKEN as exc:
            raise Lost(f"{self.target.url}: {_reason(exc)}") from exc
        finally:
            self.close()

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        found = {"User-Agent": f"mdb/{VERSION}", **headers}
        if self.target.token is not None:
            found["Authorization"] = f"Bearer {self.target.token}"
        return found

    def _request(
        self, verb: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> http.client.HTTPResponse:
        headers = self._headers(headers)
        kept = self._connection
        if kept is not None:
            try:
                return self._send(kept, verb, path, headers, body)
            except (BrokenPipeError, ConnectionResetError):
                # The server closes what was idle for long. Reads may be repeated, and a write has
                # an id, by which the server knows it again.
                self.close()
            except BROKEN as exc:
                self.close()
                raise Lost(f"{self.target.url}: {_reason(exc)}") from exc
        fresh = self._connect()
        try:
            return self._send(fresh, verb, path, headers, body)
        except BROKEN as exc:
            self.close()
            raise Lost(f"{self.target.url}: {_reason(exc)}") from exc

    def _connect(self) -> http.client.HTTPConnection:
        target = self.target
        try:
            if target.secure:
                context = ssl.create_default_context()
                connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                    target.host, target.port, timeout=target.timeout, context=context
                )
            else:
                connection = http.client.HTTPConnection(
                    target.host, target.port, timeout=target.timeout
                )
            connection.connect()
        except (*BROKEN, UnicodeError) as exc:
            raise Unreachable(f"cannot reach {target.url}: {_reason(exc)}") from exc
        self._connection = connection
        return connection

    def _send(
        self,
        connection: http.client.HTTPConnection,
        verb: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> http.client.HTTPResponse:
        connection.request(verb, self.target.prefix + path, body=body, headers=dict(headers))
        return connection.getresponse()

    def close(self) -> None:
        """Close the connection, if there is one; the next call opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        """Use it for as long as the block runs."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


class _Answering:
    """A request that is being sent, and its answer, which may come before all of it is."""

    def __init__(self, target: Target, connection: http.client.HTTPConnection) -> None:
        self._target = target
        self._connection = connection
        self._socket = connection.sock
        self._response: http.client.HTTPResponse | None = None
        self._ended = False

    def send(self, data: bytes) -> bool:
        """Send; return False where the server does not want more."""
        if self._ended:
            return False
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            # It says why, in an answer that may still have come through.
            return False
        return True

    def is_waiting(self) -> bool:
        """Tell whether something of the answer's body has arrived.

        Its head alone comes long before: who waited there for more would send nothing meanwhile.
        """
        if self._ended:
            return False
        if self._response is None and not select.select([self._socket], [], [], 0)[0]:
            return False
        # The end of a piece that was read already may still stand before the next one.
        return bool(self._arrived(self._head()).strip(b"\r\n"))

    def _arrived(self, response: http.client.HTTPResponse) -> bytes:
        self._socket.settimeout(0)
        try:
            return response.fp.peek(1)
        except ssl.SSLWantReadError:
            return b""
        finally:
            self._socket.settimeout(self._target.timeout)

    def _head(self) -> http.client.HTTPResponse:
        if self._response is None:
            self._response = self._connection.getresponse()
        if self._response.status != 200:
            _read(self._target, self._response)
        return self._response

    def some(self) -> bytes:
        """Wait for the next piece of the answer; empty at its end."""
        found = _some(self._target, self._head())
        self._ended = not found
        return found


def _without_trailing_none(arguments: tuple[object, ...]) -> list[object]:
    kept = list(arguments)
    while kept and kept[-1] is None:
        kept.pop()
    return kept


def _read(target: Target, response: http.client.HTTPResponse) -> bytes:
    """Return the answer's body; raise what an error in it says."""
    body = _whole(target, response)
    if response.status == 200:
        return body
    try:
        error = msgspec.json.decode(body, type=_Answer).error
    except msgspec.DecodeError:
        # Not the server's own: a proxy's, or another program's.
        status = f"{response.status} {response.reason}".strip()
        raise Failed(f"{target.url} answered {status}") from None
    raise Refused(error.code, error.message, error.details)


def _whole(target: Target, response: http.client.HTTPResponse) -> bytes:
    try:
        body = response.read(_ANSWER_LIMIT + 1)
        # An answer of known length that ends early is only found out by asking for the rest.
        if response.length or len(body) > _ANSWER_LIMIT:
            raise http.client.IncompleteRead(body)
    except BROKEN as exc:
        raise Lost(f"{target.url}: {_reason(exc)}") from exc
    return body


def _some(target: Target, response: http.client.HTTPResponse) -> bytes:
    try:
        piece = response.read1(_PIECE)
        # As in `_whole`: the library takes whatever end for the end.
        if not piece and response.length:
            raise http.client.IncompleteRead(piece)
    except BROKEN as exc:
        raise Lost(f"{target.url}: {_reason(exc)}") from exc
    return piece


# The first that fits says what is wrong.
_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (http.client.IncompleteRead, "the answer broke off"),
    (http.client.RemoteDisconnected, "the connection was closed without an answer"),
    (http.client.BadStatusLine, "what answers there is no HTTP server"),
    (TimeoutError, "no answer in time"),
)


def _reason(exc: Exception) -> str:
    for kind, text in _REASONS:
        if isinstance(exc, kind):
            return text
    system = exc.strerror if isinstance(exc, OSError) else None
    return system or str(exc) or type(exc).__name__
