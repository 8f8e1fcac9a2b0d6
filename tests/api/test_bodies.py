"""Bodies that are no calls: every answer is the same, whoever answers."""

import json

import pytest
from fixtures.served import LANES, serving

import mdb
from mdb.database import NewNamespace


def write(data):
    return b'["stream.write","s-1",{"type":"T","data":%b}]' % data


BODIES = [
    b"",
    b" ",
    b"null",
    b"{}",
    b'"stream.get"',
    b"1",
    b"[]",
    b"[null]",
    b"[1]",
    b"[{}]",
    b'["none.such"]',
    b'["Stream.Get","s-1"]',
    b'["\xc3\xa4"]',
    b'["' + b"x" * 5000 + b'"]',
    b'["stream.get"',
    b'["stream.get","s-1"]]',
    b'["stream.get","s-1"] x',
    b'["stream.get","s-1",]',
    b"['stream.get','s-1']",
    b"[\"stream.get\",'s-1']",
    b'["stream.get","s-1",{"batchSize":01}]',
    b'["stream.get","s-1",{"batchSize":+1}]',
    b'["stream.get","s-1",{"batchSize":1.}]',
    b'["stream.get","s-1",{"batchSize":.5}]',
    b'["stream.get","s-1",{"batchSize":0x10}]',
    b'["stream.get","s-1",{batchSize:1}]',
    b'["stream.get","s-1",{"batchSize":1,}]',
    b'["stream.get","s-1" /* */]',
    b'["stream.get","s\t1"]',
    b'["stream.get","s\\x31"]',
    b'["stream.get","\xff"]',
    b'["stream.get","\xed\xa0\x80"]',
    b'["stream.get","\xc0\x80"]',
    b'["stream.get","\\ud800"]',
    b'["stream.get","\\u0000"]',
    b'["stream.get","s-1"]\x00',
    b'\xef\xbb\xbf["stream.get","s-1"]',
    '["stream.get","s-1"]'.encode("utf-16"),
    b"[" * 300 + b"]" * 300,
    b"[" * 200_000,
    b"[" * 200_000 + b"]" * 200_000,
    write(b"NaN"),
    write(b"Infinity"),
    write(b"-Infinity"),
    write(b"nan"),
    write(b"01"),
    write(b"1e"),
    write(b"--1"),
    write(b"tru"),
    write(b"undefined"),
    write(b'"\\u0000"'),
    write(b'{"\\u0000":1}'),
    write(b'"\\ud800"'),
    write(b'"\\udc00\\ud800"'),
    write(b'"\xff"'),
    write(b'"\xed\xa0\x80"'),
    write(b'"\x01"'),
    write(b"[" * 257 + b"]" * 257),
    write(b'{"a":' * 257 + b"1" + b"}" * 257),
    write(b"9" * 1001),
    write(b"0." + b"9" * 1001),
    write(b"1e1001"),
    write(b"1e-1001"),
    write(b"1e999999999999999999999"),
    write(b"-" + b"9" * 5000),
]


@pytest.fixture
async def both():
    """One database, answered for by both."""
    async with mdb.open("sqlite://:memory:") as database:
        _namespace, own = await database.create_namespace(NewNamespace("tests"))
        async with serving(database, lane=LANES[0]) as one, serving(database, lane=LANES[1]) as two:
            one.own = two.own = own
            yield one, two


async def test_whatever_is_no_call_is_refused_the_same_way_by_both(both):
    for body in BODIES:
        answers = [await served.post(body) for served in both]
        assert {answer.code for answer in answers} == {"INVALID_REQUEST"}, body[:80]
        assert answers[0].error == answers[1].error, body[:80]
        assert answers[0].message == answers[1].message, body[:80]
    assert (await both[0].call("stream.version", "s-1")).result is None


async def test_json_at_its_limits_is_taken_by_both(both):
    bodies = [
        write(b"[" * 256 + b"]" * 256),
        write(b"9" * 1000),
        write(b"0." + b"9" * 1000),
        write(b"1e999"),
        write(b"1e-1000"),
        write(b'"\\ud83d\\ude00\\uffff\\u0001"'),
        write(b" [ 1 , 2 ] \n\r\t"),
        b' \r\n\t["stream.get" , "s-1"]\n ',
        b'["stream.\\u0067et","s-1"]',
        b'["stream.get","s\\u002d1"]',
    ]
    for body in bodies:
        for served in both:
            assert (await served.post(body)).status == 200, body[:80]
    found = (await both[0].call("stream.get", "s-1")).body
    assert json.loads(found) == json.loads((await both[1].call("stream.get", "s-1")).body)


async def test_every_fault_of_a_call_is_answered_the_same_way_by_both(both):
    one, two = both
    calls = [
        ["stream.write", "s-1", {"type": "T"}],
        ["stream.write", "s-1", {"type": "T", "data": 1}, {"expectedVersion": 5}],
        ["stream.get", "s-1", {"batchSize": 10_001}],
        ["stream.get", "s-1", {"batchsize": 1}],
        ["category.get", "s-1"],
        ["ns.info", "other"],
        ["ns.create", "other"],
        ["ns.delete", "default"],
        ["stream.write", "s-1", {"type": "T", "data": "x" * (1 << 20)}],
    ]
    for parts in calls:
        first, second = await one.call(*parts), await two.call(*parts)
        assert first.error == second.error, parts
        assert first.message == second.message, parts
    for token in (None, "nonsense", "ns_dGVzdHM_" + "0" * 64):
        first = await one.call("stream.get", "s-1", token=token)
        second = await two.call("stream.get", "s-1", token=token)
        assert first.error == second.error, token


async def test_a_body_over_its_limit_is_too_large_for_both(both):
    body = write(b'"%b"' % (b"x" * (16 << 20)))
    for served in both:
        answer = await served.post(body)
        assert answer.code == "PAYLOAD_TOO_LARGE"
    for served in both:
        assert (await served.call("stream.version", "s-1")).result is None


async def test_the_content_type_is_not_looked_at(both):
    for served in both:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
            answer = await served.post(b'["sys.version"]', headers=[("Content-Type", kind)])
            assert answer.status == 200, kind


async def test_an_unknown_option_is_refused_by_name(both):
    """A mistyped option that was ignored would be a lock that isn't there."""
    for parts, path in (
        (["stream.write", "s-1", {"type": "T", "data": 1}, {"expectedversion": 1}], "$[3]"),
        (["stream.write", "s-1", {"type": "T", "data": 1, "meta": {}}], "$[2]"),
        (["category.get", "s", {"consumergroup": {"member": 0, "size": 1}}], "$[2]"),
    ):
        answer = await both[0].call(*parts)
        assert answer.code == "INVALID_REQUEST"
        assert answer.path.startswith(path)
