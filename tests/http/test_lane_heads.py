"""A head that came before is recognised, and means what it meant then."""

import pytest
from http_harness import call
from hypothesis import example, given
from hypothesis import strategies as st
from test_lane_framing import LIMITS, PIPELINE, REFUSED, verdict

from mdb.http.lane.heads import MAX_HEAD, MAX_HEADS, KnownHeads
from mdb.http.lane.incoming import Incoming
from mdb.http.lane.request import Progress

REQUESTS = [
    call(),
    call(b'["sys.version"]', b"Authorization: Bearer one", b"X-Request-Id: a"),
    call(b"", b"Origin: https://example.org"),
    call(b"[]", b"Connection: close"),
    call(b"[]", b"Expect: 100-continue"),
    b"POST /rpc HTTP/1.0\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\n[]",
    *PIPELINE,
]


def read(known, data, size):
    return verdict(data, size, known)


def warmed():
    known = KnownHeads()
    for request in REQUESTS:
        read(known, request, len(request) or 1)
    return known


@pytest.mark.parametrize("number", range(len(REQUESTS)))
def test_a_request_reads_alike_the_second_time(number):
    request = REQUESTS[number]
    first = read(KnownHeads(), request * 2, 2 * len(request))
    assert first[0][0] == first[0][-1]
    known = warmed()
    for size in (len(request), 2 * len(request), 1, 37):
        assert read(known, request * 2, size) == first


def test_the_parser_is_not_asked_about_a_head_that_is_known(monkeypatch):
    known = KnownHeads()
    read(known, call(b'"one"'), 1000)
    incoming = Incoming(LIMITS, known)
    monkeypatch.setattr(Incoming, "_judge_head", lambda _self: pytest.fail("judged again"))
    assert incoming.receive(call(b'"two"')) is Progress.READY
    assert incoming.take().body == b'"two"'


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_stays_refused(name):
    known = warmed()
    data, status = REFUSED[name]
    for _ in range(2):
        assert read(known, data, len(data))[1] == status


@given(st.lists(st.sampled_from(REQUESTS), max_size=4), st.binary(max_size=60), st.integers(1, 90))
@example([call(b"[]", b"Connection: close"), call()], b"", 64)
def test_any_bytes_read_alike_whether_heads_are_known_or_not(requests, junk, size):
    data = b"".join(requests) + junk
    assert read(warmed(), data, size) == read(KnownHeads(), data, size)


def test_a_bounded_number_of_short_heads_is_kept():
    known = KnownHeads()
    for number in range(MAX_HEADS + 10):
        read(known, call(b"[]", b"X-Request-Id: %d" % number), 1000)
    held = [n for n in range(MAX_HEADS + 10) if _is_known(known, b"X-Request-Id: %d" % n)]
    assert held == list(range(10, MAX_HEADS + 10))
    long = b"X-Long: " + b"x" * MAX_HEAD
    read(known, call(b"[]", long), 10_000)
    assert not _is_known(known, long)


def _is_known(known, header):
    head, mark, _body = call(b"[]", header).partition(b"\r\n\r\n")
    return known.find(head + mark) is not None
