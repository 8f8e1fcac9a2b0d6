"""Who else's pages may read the answers."""

import pytest
from http_harness import call, quick

from mdb.http.cors import AllowedOrigins, cors_headers

ORIGIN = "https://app.example"
LISTED = AllowedOrigins(listed=frozenset({ORIGIN}))
ANY = AllowedOrigins(any=True)


@pytest.mark.parametrize("origin", [None, ORIGIN, "null"])
def test_nobody_by_default(origin):
    assert cors_headers(origin, AllowedOrigins()) == ()


@pytest.mark.parametrize(("allowed", "origin"), [(LISTED, ORIGIN), (ANY, ORIGIN), (ANY, "null")])
def test_an_allowed_origin_is_named_and_may_read_our_headers(allowed, origin):
    headers = dict(cors_headers(origin, allowed))
    assert headers["Access-Control-Allow-Origin"] == origin
    assert headers["Vary"] == "Origin"
    assert headers["Access-Control-Expose-Headers"] == "X-MessageDB-Token, X-Request-Id"


@pytest.mark.parametrize(
    "origin",
    [None, "null", "", "https://app.example.evil", "http://app.example", "https://app.example:8"],
)
def test_others_learn_only_that_it_varies(origin):
    assert cors_headers(origin, LISTED) == (("Vary", "Origin"),)


async def test_the_lane_adds_them_to_answers_and_refusals(start):
    server = await start(origins=LISTED, limits=quick(max_body=10))
    client = await server.connect()
    origin = b"Origin: " + ORIGIN.encode()
    await client.send(call(b"[]", origin) + call(b'"stream1"', origin))
    await client.send(call(b"[]", b"Origin: https://other.example"))
    for _ in range(2):
        answer = await client.answer()
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in (await client.answer()).headers
    await client.send(call(b"x" * 11, origin))
    answer = await client.answer()
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (413, ORIGIN)
