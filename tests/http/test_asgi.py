"""What Quart-Trio on Hypercorn needs help with."""

import pytest
import trio
from http_harness import PATIENCE, call, quick
from quart_trio import QuartTrio

HEALTH = b"GET /health HTTP/1.1\r\nHost: mdb\r\n"


class Unhelped(QuartTrio):
    """The application class as it comes."""


@pytest.mark.parametrize("lane", [True, False])
async def test_the_keep_alive_timer_runs_again_after_an_answer(start, lane):
    server = await start(lane=lane, limits=quick(idle_timeout=0.05))
    client = await server.connect()
    await client.send(HEALTH + b"\r\n")
    assert (await client.answer()).status == 200
    assert await client.rest() == b""


@pytest.mark.parametrize("lane", [True, False])
async def test_the_connection_is_closed_where_the_client_asked_for_it(start, lane):
    server = await start(lane=lane)
    client = await server.connect()
    await client.send(HEALTH + b"Connection: close\r\n\r\n")
    assert (await client.answer()).status == 200
    assert await client.rest() == b""


async def test_the_help_is_still_needed(start):
    """Fails when Quart-Trio has learned it, and `KeepAliveConnection` can go."""
    server = await start(app_class=Unhelped)
    client = await server.connect()
    await client.send(HEALTH + b"Connection: close\r\n\r\n")
    assert (await client.answer()).status == 200
    with trio.move_on_after(0.5) as scope:
        await client.rest()
    assert scope.cancelled_caught


async def test_a_stream_without_a_timeout_outlives_the_one_of_the_application(start):
    server = await start(config={"RESPONSE_TIMEOUT": 0.05})
    following, timed = await server.connect(), await server.connect()
    await following.send(b"GET /events HTTP/1.1\r\nHost: mdb\r\n\r\n")
    await following.until(b": ready\n\n\r\n")
    await timed.send(b"GET /timed HTTP/1.1\r\nHost: mdb\r\n\r\n")
    await timed.until(b": ready\n\n\r\n")
    assert await timed.rest() == b""  # cut, without its last chunk
    server.draining.set()
    assert await following.rest() == b"0\r\n\r\n"


async def test_a_client_that_leaves_ends_its_stream(start):
    server = await start()
    client = await server.connect()
    await client.send(b"GET /events HTTP/1.1\r\nHost: mdb\r\n\r\n")
    await client.until(b": ready\n\n\r\n")
    await client.stream.aclose()
    with trio.fail_after(PATIENCE):
        await server.app.ended.wait()


async def test_the_route_takes_what_the_lane_takes(start):
    server = await start(lane=False)
    client = await server.connect()
    await client.send(call(b"[1]") + call(b"[2]"))
    assert [(await client.answer()).body for _ in range(2)] == [b"quart:[1]", b"quart:[2]"]
