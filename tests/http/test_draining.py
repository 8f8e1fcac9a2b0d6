"""How the server stops: nothing begun is lost, nothing idle is waited for, nothing holds it up."""

import pytest
import trio
import trio.testing
from http_harness import JSON_HEAD, PATIENCE, call, quick

import mdb.http.serve

HEALTH = b"GET /health HTTP/1.1\r\nHost: mdb\r\n\r\n"


async def stopped(server):
    with trio.fail_after(PATIENCE):
        await server.stopped.wait()


async def test_stops_at_once_when_nothing_is_open(start):
    server = await start()
    server.draining.set()
    await stopped(server)
    with pytest.raises(OSError, match="connect"):
        await server.connect()


@pytest.mark.parametrize("request_", [b"", call(), HEALTH])
async def test_closes_idle_connections(start, request_):
    server = await start()
    client = await server.connect()
    if request_:
        await client.send(request_)
        assert (await client.answer()).status == 200
    await trio.testing.wait_all_tasks_blocked()
    server.draining.set()
    assert await client.rest() == b""
    await stopped(server)


async def test_closes_idle_connections_over_tls(start, server_tls, client_tls):
    server = await start(ssl=server_tls)
    client = await server.connect_tls(client_tls())
    await client.send(call())
    assert (await client.answer()).status == 200
    server.draining.set()
    assert await client.rest() == b""
    await stopped(server)


async def test_answers_what_is_under_way_and_says_it_is_the_last(start):
    server = await start()
    client = await server.connect()
    await client.send(call(b'"wait"'))
    await server.rpc.entered.wait()
    server.draining.set()
    await trio.testing.wait_all_tasks_blocked()
    server.rpc.gate.set()
    answer = await client.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    await client.stream.send_eof()
    assert await client.rest() == b""
    await stopped(server)


@pytest.mark.parametrize("cut", [5, len(JSON_HEAD), -1])
async def test_answers_a_request_of_which_half_was_there(start, cut):
    server = await start()
    client = await server.connect()
    data = call(b"[1]")
    await client.send(data[:cut])
    await trio.testing.wait_all_tasks_blocked()
    server.draining.set()
    await trio.testing.wait_all_tasks_blocked()
    await client.send(data[cut:])
    answer = await client.answer()
    assert (answer.body, answer.headers["connection"]) == (b"lane:[1]", "close")
    await client.stream.send_eof()
    await stopped(server)


async def test_hands_a_request_over_of_which_half_was_there(start):
    server = await start()
    client = await server.connect()
    await client.send(HEALTH[:20])
    await trio.testing.wait_all_tasks_blocked()
    server.draining.set()
    await trio.testing.wait_all_tasks_blocked()
    await client.send(HEALTH[20:])
    assert (await client.answer()).body == b'{"status":"ok"}\n'
    assert await client.rest() == b""
    await stopped(server)


async def test_cuts_off_what_is_left_when_its_grace_is_over(start):
    server = await start(limits=quick(grace=0.05))
    client = await server.connect()
    await client.send(call(b'"wait"'))
    await server.rpc.entered.wait()
    server.draining.set()
    await stopped(server)
    assert await client.rest() == b""


async def test_a_follower_that_the_application_ends_gets_a_valid_ending(start):
    server = await start()
    client = await server.connect()
    await client.send(b"GET /events HTTP/1.1\r\nHost: mdb\r\n\r\n")
    assert b"200" in await client.until(b"\r\n\r\n")
    await client.until(b": ready\n\n\r\n")
    server.draining.set()
    assert await client.rest() == b"0\r\n\r\n"
    await stopped(server)


@pytest.mark.parametrize("limit", ["grace", "stall_timeout"])
@pytest.mark.parametrize("tls", [False, True])
async def test_a_follower_that_takes_nothing_does_not_hold_it_up(
    start, server_tls, client_tls, tls, limit
):
    server = await start(ssl=server_tls if tls else None, limits=quick(**{limit: 0.05}))
    client = await (server.connect_tls(client_tls()) if tls else server.connect())
    await client.send(b"GET /endless HTTP/1.1\r\nHost: mdb\r\n\r\n")
    await client.until(b"data:")
    await trio.testing.wait_all_tasks_blocked()  # until its buffers are full
    server.draining.set()
    await stopped(server)


async def test_cancelling_cuts_everything_off(start):
    server = await start(lane=True)
    waiting, following = await server.connect(), await server.connect()
    await waiting.send(call(b'"wait"'))
    await server.rpc.entered.wait()
    await following.send(b"GET /endless HTTP/1.1\r\nHost: mdb\r\n\r\n")
    await following.until(b"data:")
    server.cancel()
    with trio.fail_after(PATIENCE):
        await server.gone.wait()


async def test_who_waits_in_the_queue_is_told(start, monkeypatch):
    async def accept_nobody(listener, take):
        await trio.sleep_forever()

    monkeypatch.setattr(mdb.http.serve, "accept_forever", accept_nobody)
    server = await start()
    clients = [await server.connect() for _ in range(3)]
    server.draining.set()
    for client in clients:
        await client.send(call())
        answer = await client.answer()
        assert (answer.status, answer.code) == (503, "OVERLOADED")
        await client.stream.send_eof()
    await stopped(server)
