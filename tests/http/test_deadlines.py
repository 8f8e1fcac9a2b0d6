"""Nobody holds a connection by doing nothing. The server's close is what is waited for."""

import socket

import pytest
import trio
from http_harness import JSON_HEAD, PATIENCE, call, quick

SHORT = 0.05
CHUNKED = JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n["


@pytest.mark.parametrize(("lane", "sent"), [(True, b""), (True, b"\r\n\r\n"), (False, b"")])
async def test_an_idle_connection_is_closed_without_a_word(start, lane, sent):
    server = await start(lane=lane, limits=quick(idle_timeout=SHORT))
    client = await server.connect()
    await client.send(sent)
    assert await client.rest() == b""


async def test_an_idle_connection_is_closed_after_an_answer(start):
    server = await start(limits=quick(idle_timeout=SHORT))
    client = await server.connect()
    await client.send(call())
    assert (await client.answer()).status == 200
    assert await client.rest() == b""


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        ("head_timeout", b"P"),
        ("head_timeout", b"POST /rpc HTTP/1.1\r\nHost: m"),
        ("head_timeout", call() + JSON_HEAD),
        ("body_timeout", call(b"[1]")[:-1]),
        ("body_timeout", CHUNKED),
    ],
)
async def test_half_a_request_is_told_that_its_time_is_up(start, limit, sent):
    server = await start(limits=quick(**{limit: SHORT}))
    client = await server.connect()
    await client.send(sent)
    if sent.startswith(call()):
        assert (await client.answer()).status == 200
    answer = await client.answer()
    assert (answer.status, answer.code) == (408, "REQUEST_TIMEOUT")
    assert answer.headers["connection"] == "close"
    await client.stream.send_eof()
    assert await client.rest() == b""


async def test_a_trickle_does_not_put_the_deadline_off(start):
    server = await start(limits=quick(body_timeout=0.2, linger_timeout=0.2))
    client = await server.connect()
    await client.send(JSON_HEAD + b"Content-Length: 1000000\r\n\r\n")
    answered = trio.Event()

    async def trickle():
        while not answered.is_set():
            await client.stream.send_all(b" ")
            with trio.move_on_after(0.01):
                await answered.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trickle)
        assert (await client.answer()).status == 408
        answered.set()


async def test_half_a_request_over_tls_is_told_too(start, server_tls, client_tls):
    server = await start(ssl=server_tls, limits=quick(head_timeout=SHORT, linger_timeout=SHORT))
    client = await server.connect_tls(client_tls())
    await client.send(JSON_HEAD)
    assert (await client.answer()).status == 408
    assert await client.rest() == b""


async def test_a_handshake_that_does_not_come_is_cut_off(start, server_tls):
    server = await start(ssl=server_tls, limits=quick(handshake_timeout=SHORT))
    client = await server.connect()
    assert await client.rest() == b""


@pytest.fixture(params=["kernel and server", "server alone"])
def enforced_by(request, monkeypatch):
    """Where the kernel has no limit of its own for unacknowledged data, the server's must do."""
    if request.param == "server alone":
        monkeypatch.delattr(socket, "TCP_USER_TIMEOUT", raising=False)


async def read_what_is_left(client):
    """Read to the end; the reset of a connection that is cut off may come before it."""
    try:
        with trio.fail_after(PATIENCE):
            return await client.rest()
    except trio.BrokenResourceError:
        return b""


@pytest.mark.usefixtures("enforced_by")
@pytest.mark.parametrize("tls", [False, True])
async def test_a_client_that_takes_no_answer_is_cut_off(start, server_tls, client_tls, tls):
    server = await start(ssl=server_tls if tls else None, limits=quick(send_timeout=SHORT))
    client = await (server.connect_tls(client_tls()) if tls else server.connect())
    await client.send(call(b'"big"'))
    server.draining.set()
    with trio.fail_after(PATIENCE):
        await server.stopped.wait()  # long before its grace is over
    assert len(await read_what_is_left(client)) < 30_000_000


@pytest.mark.usefixtures("enforced_by")
@pytest.mark.parametrize("tls", [False, True])
async def test_a_follower_that_takes_nothing_is_cut_off(start, server_tls, client_tls, tls):
    server = await start(ssl=server_tls if tls else None, limits=quick(send_timeout=SHORT))
    client = await (server.connect_tls(client_tls()) if tls else server.connect())
    await client.send(b"GET /endless HTTP/1.1\r\nHost: mdb\r\n\r\n")
    with trio.fail_after(PATIENCE):
        await server.app.ended.wait()


async def test_the_last_answer_waits_for_a_client_that_is_still_sending(start):
    server = await start(limits=quick(max_body=10))
    client = await server.connect()
    await client.send(JSON_HEAD + b"Content-Length: 300000\r\n\r\n" + b"x" * 300_000)
    answer = await client.answer()
    assert (answer.status, answer.code) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_client_that_never_ends_is_left_in_the_end(start):
    server = await start(limits=quick(linger_timeout=SHORT))
    client = await server.connect()
    await client.send(call(b"[]", b"Connection: close"))
    assert (await client.answer()).status == 200
    server.draining.set()
    with trio.fail_after(PATIENCE):
        await server.stopped.wait()
