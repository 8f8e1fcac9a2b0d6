"""What the server holds at a time is bounded, and who is over the bound is told."""

import pytest
import trio.testing
from http_harness import JSON_HEAD, call, quick


async def test_a_connection_over_the_limit_is_told_to_come_back(start):
    server = await start(limits=quick(max_connections=2))
    inside = [await server.connect() for _ in range(2)]
    for client in inside:
        await client.send(call())
        assert (await client.answer()).status == 200
    outside = await server.connect()
    await outside.send(call())
    answer = await outside.answer()
    assert (answer.status, answer.code) == (503, "OVERLOADED")
    assert int(answer.headers["retry-after"]) >= 1
    await outside.stream.send_eof()
    assert await outside.rest() == b""
    await inside[0].stream.send_eof()
    assert await inside[0].rest() == b""
    await inside[1].send(call())
    assert (await inside[1].answer()).status == 200
    while True:  # until the server has let go of the one that left
        client = await server.connect()
        await client.send(call())
        if (await client.answer()).status == 200:
            break


async def test_bodies_on_their_way_share_one_bound(start):
    server = await start(limits=quick(max_buffered=1000))
    first, second = await server.connect(), await server.connect()
    half = JSON_HEAD + b"Content-Length: 1000\r\n\r\n" + b" " * 900
    await first.send(half + b" ")
    await trio.testing.wait_all_tasks_blocked()
    await second.send(half)
    answer = await second.answer()
    assert (answer.status, answer.code) == (503, "OVERLOADED")
    assert answer.headers["retry-after"]
    await first.send(b" " * 99)
    assert (await first.answer()).status == 200
    third = await server.connect()
    await third.send(half)
    await trio.testing.wait_all_tasks_blocked()
    await third.send(b" " * 100)
    assert (await third.answer()).status == 200


@pytest.mark.parametrize("ending", ["refused", "gone"])
async def test_a_body_that_never_came_gives_its_share_back(start, ending):
    limits = quick(max_buffered=1000, body_timeout=0.05 if ending == "refused" else 60.0)
    server = await start(limits=limits)
    half = JSON_HEAD + b"Content-Length: 1000\r\n\r\n" + b" " * 900
    first = await server.connect()
    await first.send(half)
    if ending == "gone":
        await first.stream.send_eof()
        assert await first.rest() == b""
    else:
        assert (await first.answer()).status == 408
        await first.stream.send_eof()
        assert await first.rest() == b""
    second = await server.connect()
    await second.send(half)
    await trio.testing.wait_all_tasks_blocked()
    await second.send(b" " * 100)
    assert (await second.answer()).status == 200
