"""Refusals before any event, and how a subscription ends."""

import pytest
import trio
from fixtures.served import server
from fixtures.sse import followers, following, subscribe

from mdb.core import tokens
from mdb.http.cors import AllowedOrigins

BAD = [
    "",
    "stream=s-1&category=s",
    "stream=s-1&all=true",
    "category=s&all=true",
    "all=false",
    "all=",
    "all=1",
    "stream=",
    "category=",
    "category=s-1",
    f"stream={'x' * 501}",
    "stream=a%00b",
    "stream=a%0Ab",
    "stream=s-1&stream=s-2",
    "all=true&position=x",
    "all=true&position=",
    "all=true&position=1.5",
    "all=true&position=END",
    "all=true&position=99999999999999999999",
    "all=true&lastEventId=x",
    "all=true&lastEventId=-1",
    "all=true&lastEventId=1.0",
    "all=true&lastEventId=99999999999999999999",
    "category=s&consumer=0",
    "category=s&size=1",
    "category=s&consumer=1&size=1",
    "category=s&consumer=-1&size=1",
    "category=s&consumer=0&size=0",
    "category=s&consumer=0&size=32768",
    "category=s&consumer=x&size=1",
    "stream=s-1&consumer=0&size=1",
    "all=true&consumer=0&size=1",
    "all=true&correlation=c",
    "stream=s-1&correlation=c",
    "category=s&correlation=c-1",
    "category=s&correlation=",
]


async def test_a_bad_query_is_refused_before_any_event(served):
    for query in BAD:
        headers = served.bearer(served.own)
        answer = await served.request("GET", f"/subscribe?{query}", headers)
        assert answer.code == "INVALID_REQUEST", query
    headers = [*served.bearer(served.own), ("Last-Event-ID", "abc")]
    answer = await served.request("GET", "/subscribe?all=true", headers)
    assert answer.code == "INVALID_REQUEST"
    assert served.followers() == 0


async def test_a_token_is_needed_in_the_header_or_the_query(served):
    target = "/subscribe?all=true"
    assert (await served.request("GET", target)).code == "AUTH_REQUIRED"
    for token, code in (
        ("nonsense", "AUTH_INVALID_TOKEN"),
        (tokens.make("tests"), "AUTH_UNAUTHORIZED"),
    ):
        answer = await served.request("GET", target, served.bearer(token))
        assert answer.code == code
        answer = await served.request("GET", f"{target}&token={token}")
        assert answer.code == code
    async with following(served, f"all=true&token={served.own}", token=None) as events:
        await events.ready()


async def test_the_token_is_judged_before_the_query(served):
    assert (await served.request("GET", "/subscribe")).code == "AUTH_REQUIRED"
    answer = await served.request("GET", "/subscribe?token=nonsense")
    assert answer.code == "AUTH_INVALID_TOKEN"


async def test_a_token_in_the_url_opens_nothing_but_subscriptions(served):
    body = b'["stream.get","s-1"]'
    answer = await served.request("POST", f"/rpc?token={served.own}", (), body)
    assert answer.code == "AUTH_REQUIRED"


async def test_on_deletion_subscribers_are_told_and_let_go(served, write):
    other = await served.create("other")
    async with (
        following(served, "all=true") as one,
        following(served, "stream=s-1") as two,
        following(served, "all=true", token=other) as untouched,
    ):
        for events in (one, two, untouched):
            await events.ready()
        await write("s-1")
        assert (await served.call("ns.delete", "tests")).status == 200
        for events in (one, two):
            seen = await events.end()
            assert [event.event for event in seen] == ["poke", "gone"]
        await write("t-1", token=other)
        assert (await untouched.poke()).stream == "t-1"


async def test_on_shutdown_streams_end_in_order(served, write):
    async with following(served, "all=true") as one, following(served, "category=s") as two:
        for events in (one, two):
            await events.ready()
        await write("s-1")
        served.database.drain()
        for events in (one, two):
            assert [event.event for event in await events.end()] == ["poke"]
    await followers(served, 0)


async def test_while_the_server_stops_a_new_stream_ends_at_once(served):
    served.database.drain()
    async with following(served, "all=true") as events:
        await events.ready()
        assert await events.end() == []


async def test_nobody_is_left_behind_when_clients_go(served, write):
    """Some leave in silence, some while they are told something, some before they are ready."""
    for _ in range(3):
        async with trio.open_nursery() as nursery:

            async def come_and_go(n):
                events = await subscribe(served, ("all=true", "category=s", "stream=s-1")[n % 3])
                if n % 2:
                    await events.ready()
                if n % 5 == 0:
                    await write("s-1")
                await events.close()

            for n in range(20):
                nursery.start_soon(come_and_go, n)
    await followers(served, 0)
    assert (await served.call("stream.version", "s-1")).result == 11


async def test_a_client_that_half_closes_is_gone(served):
    async with following(served, "all=true") as events:
        await events.ready()
        await events.wire.stream.send_eof()
        await followers(served, 0)


async def test_pages_of_allowed_origins_may_follow():
    allowed = AllowedOrigins(listed=frozenset({"https://app.example"}))
    async with server(origins=allowed) as served:
        for origin, permitted in (("https://app.example", True), ("https://other.example", False)):
            headers = [("Origin", origin), ("X-Request-Id", "follow-1")]
            async with following(served, "all=true", headers=headers) as events:
                await events.ready()
                found = events.headers.get("access-control-allow-origin")
                assert (found in {origin, "*"}) == permitted
                assert events.headers["x-request-id"] == "follow-1"


async def test_head_takes_no_place(served):
    """Its client has its answer with the head, and would hold an event stream without end."""
    headers = served.bearer(served.own)
    answer = await served.request("HEAD", "/subscribe?all=true", headers)
    assert answer.status == 405
    assert "GET" in answer.headers["allow"]
    assert (await served.call("sys.version")).status == 200
    assert served.followers() == 0


@pytest.mark.parametrize("writers", [1, 5])
async def test_followers_of_other_things_are_not_woken(served, write, writers):
    """Who follows one stream costs nothing when another is written."""
    namespace = await served.database.namespace("tests")
    async with following(served, "stream=quiet-1") as events:
        await events.ready()
        await write("warm-1")
        before = namespace.feed.hub.statistics().delivered
        await write(*[f"busy-{n}" for n in range(writers)])
        assert namespace.feed.hub.statistics().delivered == before
        await write("quiet-1")
        assert (await events.poke()).stream == "quiet-1"
