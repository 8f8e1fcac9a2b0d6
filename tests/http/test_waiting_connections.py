"""Connections between two requests, and those whose answer is under way."""

import pytest
import trio
import trio.testing
from http_harness import PATIENCE, call


async def open_gate(server):
    await trio.testing.wait_all_tasks_blocked()
    server.rpc.gate.set()


async def test_a_request_sent_before_the_answer_to_the_last_is_answered_after_it(start):
    server = await start()
    client = await server.connect()
    await client.send(call(b'"wait"'))
    await server.rpc.entered.wait()
    await client.send(call(b"[2]"))
    await trio.testing.wait_all_tasks_blocked()
    await client.send(call(b"[3]"))
    await open_gate(server)
    bodies = [(await client.answer()).body for _ in range(3)]
    assert bodies == [b'lane:"wait"', b"lane:[2]", b"lane:[3]"]
    await client.send(call(b"[4]"))
    assert (await client.answer()).body == b"lane:[4]"


async def test_half_a_request_sent_before_the_answer_to_the_last_is_completed(start):
    server = await start()
    client = await server.connect()
    await client.send(call(b'"wait"') + call(b"[2]")[:30])
    await server.rpc.entered.wait()
    await open_gate(server)
    assert (await client.answer()).body == b'lane:"wait"'
    await client.send(call(b"[2]")[30:])
    assert (await client.answer()).body == b"lane:[2]"


@pytest.mark.parametrize("reset", [False, True])
async def test_a_client_that_leaves_before_its_answer_harms_nobody(start, reset, caplog):
    server = await start()
    client, other = await server.connect(), await server.connect()
    await client.send(call(b'"wait"'))
    await server.rpc.entered.wait()
    if reset:
        client.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1" + b"\0" * 7)
    await client.stream.aclose()
    await open_gate(server)
    await other.send(call(b"[2]"))
    assert (await other.answer()).body == b"lane:[2]"
    await trio.testing.wait_all_tasks_blocked()
    assert not caplog.records


async def test_who_ended_sending_after_an_answer_is_let_go(start):
    server = await start()
    client = await server.connect()
    await client.send(call(b"[1]"))
    await client.answer()
    await client.stream.send_eof()
    assert await client.rest() == b""


async def test_a_connection_in_the_place_of_a_closed_one_is_served(start):
    """The system gives a new connection the number of one that was just closed."""
    server = await start()
    for number in range(20):
        client = await server.connect()
        body = b"[%d]" % number
        await client.send(call(body))
        assert (await client.answer()).body == b"lane:" + body
        await client.send(b"nonsense\r\n\r\n")
        assert (await client.answer()).status == 400
        await client.stream.aclose()


async def test_cutting_off_what_is_under_way_leaves_nothing_behind(start, caplog):
    server = await start()
    client = await server.connect()
    await client.send(call(b'"wait"'))
    await server.rpc.entered.wait()
    server.cancel()
    with trio.fail_after(PATIENCE):
        await server.gone.wait()
    await open_gate(server)
    await trio.testing.wait_all_tasks_blocked()
    assert await client.rest() == b""
    assert not caplog.records


async def test_many_connections_take_turns(start):
    server = await start()
    clients = [await server.connect() for _ in range(150)]
    for number, client in enumerate(clients):
        await client.send(call(b"[%d]" % number))
    for number, client in enumerate(clients):
        assert (await client.answer()).body == b"lane:[%d]" % number
