"""What two readers could understand differently is refused, however it is cut into packets."""

import pytest
from http_harness import JSON_HEAD, call, quick
from hypothesis import given
from hypothesis import strategies as st

from mdb.http.lane.heads import KnownHeads
from mdb.http.lane.incoming import Incoming
from mdb.http.lane.refused import Refused
from mdb.http.lane.request import Progress
from mdb.http.limits import Limits

LIMITS = Limits(max_head=2000, max_body=1000)
BODY = b"Content-Length: 2\r\n\r\n[]"
CHUNKED = JSON_HEAD + b"Transfer-Encoding: chunked\r\n"

REFUSED = {
    # by the parser
    "two lengths": (JSON_HEAD + b"Content-Length: 2\r\n" + BODY, 400),
    "two different lengths": (JSON_HEAD + b"Content-Length: 3\r\n" + BODY, 400),
    "list of lengths": (JSON_HEAD + b"Content-Length: 2, 2\r\n\r\n[]", 400),
    "signed length": (JSON_HEAD + b"Content-Length: +2\r\n\r\n[]", 400),
    "hexadecimal length": (JSON_HEAD + b"Content-Length: 0x2\r\n\r\n[]", 400),
    "length over 64 bits": (JSON_HEAD + b"Content-Length: 18446744073709551618\r\n\r\n[]", 400),
    "empty length": (JSON_HEAD + b"Content-Length:\r\n\r\n[]", 400),
    "length, then coding": (
        CHUNKED[:-28] + b"Content-Length: 2\r\n" + CHUNKED[-28:] + b"\r\n",
        400,
    ),
    "coding, then length": (CHUNKED + BODY, 400),
    "chunked is not last": (JSON_HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n", 400),
    "unknown coding": (JSON_HEAD + b"Transfer-Encoding: xchunked\r\n\r\n", 501),
    "chunked twice": (JSON_HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    "bare LF after the request line": (b"POST /rpc HTTP/1.1\nHost: mdb\r\n" + BODY, 400),
    "bare LF after a header": (b"POST /rpc HTTP/1.1\r\nHost: mdb\n" + BODY, 400),
    "bare LF at the end of the head": (JSON_HEAD + b"Content-Length: 2\r\n\n[]", 400),
    "only bare LF": (b"POST /rpc HTTP/1.1\nHost: mdb\nContent-Length: 2\n\n[]", 400),
    "bare CR in a value": (JSON_HEAD + b"X: a\rb\r\n" + BODY, 400),
    "space before the colon": (JSON_HEAD + b"Content-Length : 2\r\n\r\n[]", 400),
    "folded header": (JSON_HEAD + b"X: a\r\n b\r\n" + BODY, 400),
    "NUL in a value": (JSON_HEAD + b"X: a\0b\r\n" + BODY, 400),
    "control character in a value": (JSON_HEAD + b"X: a\x01b\r\n" + BODY, 400),
    "LF after a chunk's size": (CHUNKED + b"\r\n2\n[]\r\n0\r\n\r\n", 400),
    "no CR LF after a chunk": (CHUNKED + b"\r\n2\r\n[]0\r\n\r\n", 400),
    "chunk over 64 bits": (CHUNKED + b"\r\n10000000000000002\r\n[]\r\n0\r\n\r\n", 400),
    "no HTTP at all": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "unknown method": (b"WRITE /rpc HTTP/1.1\r\nHost: mdb\r\n\r\n", 400),
    "HTTP/2 preface on a used connection": (call() + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    # on top of it
    "coded content": (JSON_HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "coding in two headers": (
        JSON_HEAD + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
        501,
    ),
    "coding behind an empty header": (
        JSON_HEAD + b"X:\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        501,
    ),
    "chunked in HTTP/1.0": (
        b"POST /rpc HTTP/1.0\r\nHost: mdb\r\nTransfer-Encoding: chunked\r\n\r\n",
        501,
    ),
    "HTTP/0.9": (b"POST /rpc HTTP/0.9\r\nHost: mdb\r\n" + BODY, 501),
    "HTTP/2.0": (b"POST /rpc HTTP/2.0\r\nHost: mdb\r\n" + BODY, 501),
    "no version": (b"POST /rpc\r\nHost: mdb\r\n" + BODY, 501),
    "RTSP": (b"POST /rpc RTSP/1.0\r\nHost: mdb\r\n" + BODY, 501),
    "no host": (b"POST /rpc HTTP/1.1\r\n" + BODY, 400),
    "two hosts": (JSON_HEAD + b"Host: other\r\n" + BODY, 400),
    "two hosts in HTTP/1.0": (b"POST /rpc HTTP/1.0\r\nHost: a\r\nHost: b\r\n" + BODY, 400),
    "two tokens": (JSON_HEAD + b"Authorization: a\r\nauthorization: b\r\n" + BODY, 400),
    "no length": (JSON_HEAD + b"\r\n[]", 411),
    "long length": (JSON_HEAD + b"Content-Length: 1001\r\n\r\n", 413),
    "long chunked content": (CHUNKED + b"\r\n3e9\r\n" + b"x" * 1001, 413),
    "endless chunk extension": (CHUNKED + b"\r\n2;a=" + b"x" * 3000, 413),
    "endless trailers": (CHUNKED + b"\r\n2\r\n[]\r\n0\r\n" + b"X: y\r\n" * 1000, 413),
    "long head": (JSON_HEAD + b"X: " + b"x" * 2000, 431),
    "long complete head": (JSON_HEAD + b"X: " + b"x" * 2000 + b"\r\n" + BODY, 431),
    "another expectation": (JSON_HEAD + b"Expect: a-miracle\r\n" + BODY, 417),
}


def verdict(data, size, known=None):
    """Feed pieces of ``size`` as a connection would; return what was taken and the refusal.

    Nothing is read after a request that is the connection's last: it is answered, and closed.
    """
    incoming = Incoming(LIMITS, KnownHeads() if known is None else known)
    taken = []
    try:
        for start in range(0, len(data), size):
            progress = incoming.receive(data[start : start + size])
            while progress is Progress.READY:
                taken.append(incoming.take())
                if not taken[-1].keep_alive:
                    return taken, None
                progress = incoming.advance()
    except Refused as refused:
        return taken, refused.status
    return taken, incoming.progress


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_alike_in_any_pieces(name):
    data, status = REFUSED[name]
    taken = [call()] if data.startswith(call()) else []
    for size in (len(data), 1, 2, 7, 37, 61):
        requests, outcome = verdict(data, size)
        assert outcome == status
        assert len(requests) == len(taken)


@pytest.mark.parametrize("name", REFUSED)
async def test_says_so_and_closes(start, name):
    server = await start(limits=quick(max_head=2000, max_body=1000))
    data, status = REFUSED[name]
    client = await server.connect()
    await client.send(data)
    if "endless" not in name:  # those have no end behind which anything could follow
        await client.send(call(b'"smuggled"'))
    answer = await client.answer()
    if data.startswith(call()):
        assert answer.body == b"lane:[]"
        answer = await client.answer()
    assert answer.status == status
    assert answer.code == {413: "PAYLOAD_TOO_LARGE", 431: "HEADERS_TOO_LARGE"}.get(
        status, "INVALID_REQUEST"
    )
    assert answer.headers["connection"] == "close"
    assert answer.headers["x-request-id"]
    await client.stream.send_eof()
    assert await client.rest() == b""
    assert [body for body, *_ in server.rpc.calls] in ([], [b"[]"])


PIPELINE = [
    call(b'"one"'),
    CHUNKED + b"\r\n2;ext=1\r\n[1\r\n3\r\n,\r\n\r\n1;x\r\n]\r\n0\r\nTrailer: x\r\n\r\n",
    b"\r\n\r\n" + call(b""),
    CHUNKED + b"\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n",
    call(b"\r\n\r\n[]", b"X-Request-Id: five"),
]


@given(st.lists(st.integers(min_value=1, max_value=60), min_size=1))
def test_reads_a_pipeline_alike_in_any_pieces(sizes):
    data = b"".join(PIPELINE)
    incoming = Incoming(LIMITS, KnownHeads())
    bodies = []
    turn = 0
    while data:
        size = sizes[turn % len(sizes)]
        turn += 1
        progress = incoming.receive(data[:size])
        data = data[size:]
        while progress is Progress.READY:
            bodies.append(incoming.take().body)
            progress = incoming.advance()
    assert bodies == [b'"one"', b"[1,\r\n]", b"", b"\r\n\r\n", b"\r\n\r\n[]"]
    assert incoming.progress is Progress.IDLE


@given(st.binary(max_size=200), st.integers(min_value=1, max_value=50))
def test_any_bytes_are_taken_refused_or_handed_over(junk, size):
    whole, pieces = verdict(JSON_HEAD + junk, 10_000), verdict(JSON_HEAD + junk, size)
    assert whole == pieces


def test_trailers_are_no_headers():
    data = CHUNKED + b"\r\n2\r\n[]\r\n0\r\nAuthorization: Bearer stolen\r\n\r\n"
    ((request,), _) = verdict(data, len(data))
    assert request.authorization is None


def test_hands_every_byte_over_from_the_start_of_the_request():
    foreign = b"GET /x HTTP/1.1\r\nHost: mdb\r\n\r\nand what follows"
    for size in (1, 5, 61, 1000):
        incoming = Incoming(LIMITS, KnownHeads())
        left = call() + foreign
        progress = Progress.IDLE
        while progress is not Progress.FOREIGN:
            progress = incoming.receive(left[:size])
            left = left[size:]
            if progress is Progress.READY:
                incoming.take()
                progress = incoming.advance()
        assert incoming.unread() + left == foreign


@pytest.mark.parametrize(
    "foreign",
    [
        b"GET /rpc HTTP/1.1\r\nHost: mdb\r\n\r\n",
        b"POST /import HTTP/1.1\r\nHost: mdb\r\nContent-Length: 99999999\r\n\r\n",
        b"POST /rpc?x HTTP/1.1\r\nHost: mdb\r\nContent-Length: 0\r\n\r\n",
        b"POST /rpc/ HTTP/1.1\r\nHost: mdb\r\nContent-Length: 0\r\n\r\n",
        b"POST http://mdb/rpc HTTP/1.1\r\nHost: mdb\r\nContent-Length: 0\r\n\r\n",
        b"OPTIONS /rpc HTTP/1.1\r\nHost: mdb\r\n\r\n",
        b"CONNECT mdb:80 HTTP/1.1\r\nHost: mdb\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
        JSON_HEAD + b"Connection: upgrade\r\nUpgrade: h2c\r\n" + BODY,
    ],
)
def test_leaves_what_is_not_its_own(foreign):
    for size in (len(foreign), 1):
        incoming = Incoming(LIMITS, KnownHeads())
        left = foreign
        while incoming.receive(left[:size]) is not Progress.FOREIGN:
            left = left[size:]
            assert left
        assert incoming.unread() + left[size:] == foreign
