"""What an export holds, and how it is written."""

import gzip
import http.client
import json

import pytest
from transfer_harness import ask, history, line, rpc, tenant_of, text

from mdb.core.jsonrules import canonical
from tests.fixtures.server import LIMIT


def lines(export: bytes):
    return [json.loads(one) for one in export.splitlines()]


def test_every_message_is_a_canonical_line_in_order_of_global_position(tenant):
    tenant.write("b-1", {"z": 1, "a": [1, 2]}, metadata={"y": None, "x": "ü"})
    tenant.write("a-1", None, id="0190A0B0-0000-7000-8000-00000000ABCD")
    tenant.write("b-1", "text", type="Other")
    export = tenant.export()
    raw = export.splitlines()
    assert export.endswith(b"\n")
    assert [canonical(one) for one in raw] == raw
    assert [list(one) for one in lines(export)] == [
        ["data", "gpos", "id", "meta", "pos", "stream", "time", "type"]
    ] * 3
    found = lines(export)
    assert [(one["stream"], one["pos"], one["gpos"]) for one in found] == [
        ("b-1", 0, 1),
        ("a-1", 0, 2),
        ("b-1", 1, 3),
    ]
    assert found[0]["data"] == {"a": [1, 2], "z": 1}
    assert found[0]["meta"] == {"x": "ü", "y": None}
    assert (found[1]["id"], found[1]["meta"]) == ("0190a0b0-0000-7000-8000-00000000abcd", None)
    assert raw[0].startswith(b'{"data":{"a":[1,2],"z":1},"gpos":1,')
    assert '"x":"ü"'.encode() in raw[0]


def test_numbers_are_in_their_shortest_exact_decimal_form(tenant):
    written = b'[1.0,1e3,1E-7,-0,0.1000,10e399,123456789012345678901234567890,5e-324,"1.0"]'
    body = text([line(1)]).replace(b'{"n": 1}', written)
    tenant.import_(body)
    expected = b'[1,1000,0.0000001,0,0.1,1e400,123456789012345678901234567890,5e-324,"1.0"]'
    assert b'{"data":%b,' % expected in tenant.export()


def test_time_is_given_to_the_microsecond(tenant):
    tenant.import_(text([line(1, time="2026-01-15T11:30:00.1234567+01:00")]))
    assert lines(tenant.export())[0]["time"] == "2026-01-15T10:30:00.123456Z"


def test_an_empty_namespace_exports_nothing(tenant):
    answer = tenant.get()
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-ndjson"


def test_categories_are_merged_in_order(tenant):
    for n in range(12):
        tenant.write(f"{'abc'[n % 3]}-{n}", n)
    tenant.write("ab-1", "another category")
    tenant.write("a", "a stream without an id")
    found = lines(tenant.export("?categories=c,a,nothing,a"))
    assert [one["data"] for one in found] == [0, 2, 3, 5, 6, 8, 9, 11, "a stream without an id"]


def test_since_is_inclusive_and_until_exclusive(tenant):
    times = [f"2026-01-15T10:30:00.00000{n}Z" for n in range(6)]
    # Time is no order: a later message may have an earlier time.
    tenant.import_(text([line(1 + n, f"s-{n}", time=times[(n + 3) % 6]) for n in range(6)]))
    found = lines(tenant.export(f"?since={times[1]}&until={times[4]}"))
    assert [one["time"] for one in found] == [times[3], times[1], times[2]]
    assert [one["gpos"] for one in found] == [1, 5, 6]
    found = lines(tenant.export("?since=2026-01-15T11:30:00.000004%2B01:00"))
    assert [one["gpos"] for one in found] == [2, 3]
    assert tenant.export("?categories=s&until=2020-01-01T00:00:00Z") == b""


def test_filters_reach_over_many_pages(tenant):
    many = history(4500, 3)
    for n, one in enumerate(many):
        one["stream"] = f"{'xy'[n % 2]}-1"
        one["pos"] = n // 2
        one["time"] = f"2026-01-15T10:30:00.{n:06}Z"
    tenant.import_(text(many))
    assert [one["gpos"] for one in lines(tenant.export())] == list(range(1, 4501))
    assert [one["gpos"] for one in lines(tenant.export("?categories=y"))] == list(range(2, 4501, 2))
    query = "?categories=y,x&since=2026-01-15T10:30:00.004400Z"
    assert [one["gpos"] for one in lines(tenant.export(query))] == list(range(4401, 4501))
    query = "?until=2026-01-15T10:30:00.000003Z"
    assert [one["gpos"] for one in lines(tenant.export(query))] == [1, 2, 3]


def test_it_is_compressed_for_who_takes_gzip(tenant):
    for n in range(5):
        tenant.write("a-1", "x" * 1000 + str(n))
    plain = tenant.get()
    assert "content-encoding" not in plain.headers
    with_gzip = {"Accept-Encoding": "br, gzip;q=0.5"}
    answer = tenant.get(**with_gzip)
    packed = answer.content
    assert answer.headers["content-encoding"] == "gzip"
    assert len(packed) < len(plain.content) / 10
    assert gzip.decompress(packed) == plain.content
    refused = tenant.get(**{"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("?category=a", "category"),
        ("?since=yesterday", "since"),
        ("?until=2026-01-15", "until"),
        ("?categories=", "categories"),
        ("?categories=a,b-1", "categories"),
        ("?since=2026-01-15T10:30:00Z&since=2026-01-15T10:30:00Z", "since"),
        ("?categories=" + ",".join(f"c{n}" for n in range(101)), "categories"),
        ("?token=x", "token"),
    ],
)
def test_a_bad_query_is_refused(sqlite_server, query, place):
    answer = tenant_of(sqlite_server).get(query)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "INVALID_REQUEST")
    assert error["details"]["path"] == place


def test_a_token_is_needed_and_shows_its_own_namespace_only(tenant, another):
    tenant.write("a-1")
    assert another().export() == b""
    for token, status in (("nonsense", 401), (tenant.token[:-1] + "x", 401)):
        answer = tenant.get(Authorization=f"Bearer {token}")
        assert answer.status_code == status, answer.text
    answer = ask(tenant.server, "GET", "/export")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "AUTH_REQUIRED")


def test_head_is_answered_without_a_body(tenant):
    tenant.write("a-1")
    answer = ask(tenant.server, "HEAD", "/export", headers=tenant.headers)
    assert (answer.status_code, answer.content) == (200, b"")


def test_over_http_1_0_it_is_compressed_or_refused(tenant, monkeypatch):
    """Its end is that of the connection: lines that are cut off there would look complete."""
    tenant.write("a-1")
    monkeypatch.setattr(http.client.HTTPConnection, "_http_vsn", 10)
    monkeypatch.setattr(http.client.HTTPConnection, "_http_vsn_str", "HTTP/1.0")
    answer = tenant.get()
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "INVALID_REQUEST")
    assert "HTTP/1.1" in answer.json()["error"]["message"]
    packed = tenant.get(**{"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.content).count(b"\n") == 1


def test_a_fault_in_the_middle_breaks_the_answer_off(server, tenant):
    long = [line(1 + n, f"s-{n}", data="x" * 4000) for n in range(6000)]
    assert tenant.import_(text(long))[-1]["imported"] == 6000
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)
    try:
        connection.request("GET", "/export", headers=tenant.headers)
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.read(1)
        deleted = rpc(server, server.default_token, "ns.delete", tenant.name)
        assert deleted.status_code == 200
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
    finally:
        connection.close()
