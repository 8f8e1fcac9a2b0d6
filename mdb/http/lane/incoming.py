"""The requests of one connection, from bytes. No I/O and no clock.

llhttp (httptools) parses and frames. It neither says where a message ends nor refuses all that
must be refused, so two rules are added on top:

- It is fed slices that a message can only end *on*: a head and a chunked body both end in
  CR LF CR LF, and a body of a given length ends where it ends. So nothing is ever read past a
  message, nothing is framed a second time by hand, and the same bytes get the same verdict
  however they are cut into packets.
- What it lets through and two readers could understand differently is refused: see
  ``on_headers_complete``.
"""

import httptools

from mdb.http.lane.heads import MAX_HEAD, Head, KnownHeads
from mdb.http.lane.refused import Refused, bad_request, too_large
from mdb.http.lane.request import Progress, Request
from mdb.http.limits import Limits

# A client that knows beforehand that it wants HTTP/2 (RFC 9113, 3.4).
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_PREFACE_SEEN = 18  # the part of it that looks like a request

_END = b"\r\n\r\n"

_IDLE = Progress.IDLE  # looked up for each request; on the class that takes longer

# The usual request line, for which the general check is skipped.
_USUAL = b"POST /rpc HTTP/1.1\r\n"

_WANTED = frozenset(
    {
        b"authorization",
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"origin",
        b"transfer-encoding",
        b"x-request-id",
    }
)


class Incoming:
    """The state of one connection's incoming side."""

    def __init__(self, limits: Limits, known: KnownHeads) -> None:
        self._limits = limits
        self._known = known
        self._taken: Request | None = None  # complete, by a head that is known
        self._pending = b""  # received, not looked at
        self._first = True  # no request has begun on this connection
        self._parser = httptools.HttpRequestParser(self)
        self._reset()

    def _reset(self) -> None:
        self.progress = Progress.IDLE
        self.expects_continue = False
        self._begun = False
        self._headed = False
        self._done = False
        self._stop: Refused | None = None
        self._raw = b""  # the head, for a hand-over
        self._head_seen = False  # the parser was given the head's end
        self._headers: dict[bytes, bytes] = {}
        self._repeated: set[bytes] = set()
        self._tokens: list[bytes] = []  # of all Connection headers
        self._url = b""
        self._length: int | None = None  # Content-Length; None if chunked
        self._body: bytes | bytearray = b""
        self._tail = b""  # the last bytes of a chunked body, where its end may be cut
        self._coded = 0  # bytes of a chunked body as sent
        self._since_body = 0  # of them, since the last byte of content
        self._trailers = 0  # bytes of trailers
        self._keep_alive = False
        self._old = False

    # What the connection calls

    @property
    def buffered(self) -> int:
        """Bytes of body held."""
        return len(self._body)

    @property
    def pending(self) -> bool:
        """Whether there are received bytes that were not looked at."""
        return bool(self._pending)

    @property
    def request_id(self) -> str | None:
        """The current request's id, as far as it was read."""
        return self._text(b"x-request-id")

    @property
    def origin(self) -> str | None:
        """The current request's origin, as far as it was read."""
        return self._text(b"origin")

    @property
    def body_begun(self) -> bool:
        """Whether any byte after the head has arrived."""
        return bool(self._body) or self._coded > 0

    def whole(self, data: bytes) -> Request | None:
        """Take in one whole request and nothing else, whose head was judged before.

        None, and nothing is taken in, where it is anything else: `receive` it.
        """
        if self._pending or self.progress is not _IDLE:
            return None
        start = data.find(_END, 0, MAX_HEAD) + 4
        head = self._known.find(data[:start]) if start > 3 else None
        if head is None or len(data) != start + head.length:
            return None
        self._first = False
        return _of(head, data[start:])

    def receive(self, data: bytes) -> Progress:
        """Take bytes in, and advance with them.

        Raises:
            Refused: The request must be refused.
        """
        self._pending = self._pending + data if self._pending else data
        return self.advance()

    def advance(self) -> Progress:
        """Read the current request from what was received; stops at its end.

        Raises:
            Refused: The request must be refused. The object is of no use afterwards, but for
                ``request_id`` and ``origin``.
        """
        if self.progress is Progress.IDLE:
            if not self._pending or self._recognise():
                return self.progress
            self._begin()
        if self.progress is Progress.HEAD:
            self._advance_head()
        if self.progress is Progress.BODY and self._pending:
            if self._length is None:
                self._advance_chunked()
            else:
                self._advance_counted(self._length)
        return self.progress

    def take(self) -> Request:
        """Return the complete request, and make ready for the next one."""
        assert self.progress is Progress.READY
        if self._taken is not None:
            request, self._taken = self._taken, None
            self.progress = Progress.IDLE
            return request
        authorization = self._text(b"authorization")
        request_id, origin = self._text(b"x-request-id"), self._text(b"origin")
        keep_alive, old = self._keep_alive, self._old
        request = Request(bytes(self._body), authorization, request_id, origin, keep_alive, old)
        if self._length is not None and keep_alive and not (old or self.expects_continue):
            head = Head(self._length, authorization, request_id, origin)
            self._known.remember(self._raw, head)
        self._reset()
        return request

    def unread(self) -> bytes:
        """Return every byte from the start of the current request on."""
        assert self.progress is Progress.FOREIGN
        return self._raw + self._pending

    def end(self) -> None:
        """Let go of the parser, which refers to this object; nothing more is read."""
        del self._parser

    # How it advances

    def _recognise(self) -> bool:
        """Take a request that is here whole and whose head was judged before."""
        data = self._pending
        start = data.find(_END, 0, MAX_HEAD) + 4
        head = self._known.find(data[:start]) if start > 3 else None
        if head is None or len(data) < start + head.length:
            return False
        end = start + head.length
        body, self._pending = data[start:end], data[end:]
        self._taken = _of(head, body)
        self._first = False
        self.progress = Progress.READY
        return True

    def _begin(self) -> None:
        # A server should ignore empty lines before a request (RFC 9112, 2.2); Hypercorn does not.
        data = self._pending = self._pending.lstrip(b"\r\n")
        if not data:
            return
        if self._first and _PREFACE.startswith(data[:_PREFACE_SEEN]):
            if len(data) >= _PREFACE_SEEN:
                self.progress = Progress.FOREIGN
            else:
                self.progress = Progress.HEAD  # P may still become POST
            return
        self.progress = Progress.HEAD

    def _advance_head(self) -> None:
        data = self._pending
        if self._first:
            if not self._raw and _PREFACE.startswith(data[:_PREFACE_SEEN]):
                if len(data) >= _PREFACE_SEEN:
                    self.progress = Progress.FOREIGN
                return
            self._first = False
        old = len(self._raw)
        raw = self._raw + data if old else data
        end = raw.find(_END, max(0, old - 3))
        size = len(raw) if end < 0 else end + 4
        if size > self._limits.max_head:
            raise Refused(431, "HEADERS_TOO_LARGE", f"the head is over {self._limits.max_head}")
        self._raw = raw
        self._pending = b""
        if end < 0:
            self._feed(data)
            return
        self._head_seen = True
        self._raw, self._pending = raw[:size], raw[size:]
        self._feed(self._raw[old:])
        if self.progress is Progress.FOREIGN:
            return
        if not self._headed:
            raise bad_request("the head is malformed")
        self.progress = Progress.READY if self._done else Progress.BODY

    def _advance_counted(self, length: int) -> None:
        missing = length - len(self._body)
        piece, self._pending = self._pending[:missing], self._pending[missing:]
        self._feed(piece)
        self._finish_if_done(complete=len(piece) == missing)

    def _advance_chunked(self) -> None:
        data = self._pending
        joined = self._tail + data
        offset = len(self._tail)  # of data in joined
        start, stop = 0, len(data)
        while start < stop and not self._done:
            found = joined.find(_END, max(0, start + offset - 3))
            end = stop if found < 0 else found + 4 - offset
            before = len(self._body)
            self._feed(data[start:end])
            self._count_chunked(end - start, grown=len(self._body) > before)
            start = end
        self._tail = joined[max(0, start + offset - 3) : start + offset]
        self._pending = data[start:]
        self._finish_if_done(complete=self._done)

    def _finish_if_done(self, *, complete: bool) -> None:
        if self._done != complete:  # the parser and the slices disagree about the end
            raise bad_request("the body is malformed")
        if self._done:
            self.progress = Progress.READY

    def _count_chunked(self, fed: int, *, grown: bool) -> None:
        """Bound the coding around the content, and what comes between two bytes of it."""
        limits = self._limits
        self._coded += fed
        self._since_body = 0 if grown else self._since_body + fed
        if self._done:
            return
        if self._since_body > limits.max_head or self._coded > 2 * limits.max_body + 65_536:
            raise Refused(413, "PAYLOAD_TOO_LARGE", "the chunked coding is larger than its content")

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            # An upgrade, or the hand-over's own stop, come out as errors, too.
            if self.progress is Progress.FOREIGN:
                return
            raise (self._stop or bad_request("the request is malformed")) from error

    # What the parser calls. An exception out of these comes back out of feed_data as an error
    # of the parser's own.

    def on_message_begin(self) -> None:
        """Guard the rule that a slice never reaches into the next message."""
        if self._begun:
            self._stop = bad_request("the request is malformed")
            raise self._stop
        self._begun = True

    def on_url(self, url: bytes) -> None:
        """Collect the target, which may come in pieces."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note the headers that matter; those after the head are trailers and never do."""
        if self._headed:
            self._trailers += len(name) + len(value) + 4
            if self._trailers > self._limits.max_head:
                self._stop = Refused(413, "PAYLOAD_TOO_LARGE", "the trailers are too large")
                raise self._stop
            return
        name = name.lower()
        if name not in _WANTED:
            return
        value = value.strip(b" \t")
        if name == b"connection":
            self._tokens += [token.strip(b" \t") for token in value.lower().split(b",")]
        elif name in self._headers:
            self._repeated.add(name)
        else:
            self._headers[name] = value

    def on_headers_complete(self) -> None:
        """Decide on the request as soon as its head is there."""
        self._headed = True
        try:
            self._judge_head()
        except Refused as refused:
            self._stop = refused
            raise

    def on_body(self, data: bytes) -> None:
        """Collect content: the one piece as it is, more of them without a list of bytes."""
        if len(self._body) + len(data) > self._limits.max_body:
            self._stop = too_large(self._limits)
            raise self._stop
        if not self._body:
            self._body = data
            return
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)
        self._body += data

    def on_message_complete(self) -> None:
        """Note the end of the request."""
        self._done = True

    # What is refused on top of the parser

    def _judge_head(self) -> None:
        if not self._head_seen:
            raise bad_request("the head is malformed")
        if not self._raw.startswith(_USUAL):
            self._judge_request_line()
        if (
            self._url != b"/rpc"
            or self._parser.get_method() != b"POST"
            or self._parser.should_upgrade()
        ):
            self.progress = Progress.FOREIGN
            raise _NotForTheLane
        self._judge_headers()
        self._length = self._judge_length()
        self._keep_alive = self._parser.should_keep_alive() and b"close" not in self._tokens

    def _judge_request_line(self) -> None:
        line = self._raw[: self._raw.index(b"\r\n")]
        # The parser takes HTTP/0.9, HTTP/2.0, no version at all, and RTSP/1.0.
        if not line.endswith((b" HTTP/1.1", b" HTTP/1.0")):
            raise bad_request("only HTTP/1.0 and HTTP/1.1 are served", 501)
        self._old = line.endswith(b"0")

    def _judge_headers(self) -> None:
        if b"host" in self._repeated or (b"host" not in self._headers and not self._old):
            raise bad_request("there must be one Host header")
        if b"authorization" in self._repeated:
            raise bad_request("there must be one Authorization header at most")
        expectation = self._headers.get(b"expect")
        if expectation is not None and not self._old:
            if expectation.lower() != b"100-continue" or b"expect" in self._repeated:
                raise bad_request("the only expectation served is 100-continue", 417)
            self.expects_continue = True

    def _judge_length(self) -> int | None:
        coding = self._headers.get(b"transfer-encoding")
        if coding is not None:
            if self._old or b"transfer-encoding" in self._repeated or coding.lower() != b"chunked":
                raise bad_request("the only transfer coding served is chunked, in HTTP/1.1", 501)
            return None
        stated = self._headers.get(b"content-length")
        if stated is None:
            # The parser takes it for an empty body, and the body for the next request.
            raise bad_request("the length of the body must be stated", 411)
        digits = stated.lstrip(b"0") or b"0"
        # The parser has seen to digits alone; 20 of them are more than it counts.
        if len(digits) > 20 or (length := int(digits)) > self._limits.max_body:
            raise too_large(self._limits)
        return length

    def _text(self, name: bytes) -> str | None:
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")


def _of(head: Head, body: bytes) -> Request:
    return Request(body, head.authorization, head.request_id, head.origin, True, False)  # noqa: FBT003  (by place: it is the quickest)


class _NotForTheLane(Exception):
    """Stops the parser; the progress says why."""
