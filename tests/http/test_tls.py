"""HTTPS: the lane inside it, and HTTP/2 past the lane."""

import h2.config
import h2.connection
import h2.events
import pytest
import trio
from http_harness import call

HEALTH = b"GET /health HTTP/1.1\r\nHost: mdb\r\n\r\n"


@pytest.mark.parametrize("protocols", [(), ("http/1.1",), ("http/1.1", "h2")])
async def test_the_lane_answers_inside_tls(start, server_tls, client_tls, protocols):
    server = await start(ssl=server_tls)
    server_tls.set_alpn_protocols(["http/1.1"])
    try:
        client = await server.connect_tls(client_tls(*protocols))
    finally:
        server_tls.set_alpn_protocols(["h2", "http/1.1"])
    await client.send(call(b"[1]") + call(b"[2]") + HEALTH + HEALTH)  # in one record
    bodies = [(await client.answer()).body for _ in range(4)]
    assert bodies == [b"lane:[1]", b"lane:[2]", b'{"status":"ok"}\n', b'{"status":"ok"}\n']


async def test_a_later_request_is_handed_over_inside_tls(start, server_tls, client_tls):
    server = await start(ssl=server_tls)
    client = await server.connect_tls(client_tls("http/1.1"))
    await client.send(call())
    assert (await client.answer()).body == b"lane:[]"
    await client.send(HEALTH)
    assert (await client.answer()).status == 200


async def test_http_2_goes_to_the_application(start, server_tls, client_tls):
    server = await start(ssl=server_tls)
    client = await server.connect_tls(client_tls("h2", "http/1.1"))
    assert client.stream.selected_alpn_protocol() == "h2"
    assert await post_over_http_2(client, "https") == (b"200", b"quart:[2]")


async def test_http_2_by_prior_knowledge_goes_to_the_application(start):
    server = await start()
    client = await server.connect()
    assert await post_over_http_2(client, "http") == (b"200", b"quart:[2]")


async def post_over_http_2(client, scheme):
    config = h2.config.H2Configuration(header_encoding=False)
    connection = h2.connection.H2Connection(config)
    connection.initiate_connection()
    path = [(":method", "POST"), (":path", "/rpc"), (":authority", "mdb"), (":scheme", scheme)]
    connection.send_headers(1, path)
    connection.send_data(1, b"[2]", end_stream=True)
    status, body = None, b""
    while True:
        await client.send(connection.data_to_send())
        with trio.fail_after(20):
            data = await client.stream.receive_some(65536)
        assert data
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                status = dict(event.headers)[b":status"]
            elif isinstance(event, h2.events.DataReceived):
                body += event.data
            elif isinstance(event, h2.events.StreamEnded):
                return status, body


async def test_over_http_2_an_answer_that_breaks_in_the_middle_ends_the_connection(start):
    """Else its client would wait for the rest for as long as it has patience."""
    server = await start()
    client = await server.connect()
    connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=False))
    connection.initiate_connection()
    path = [(":method", "GET"), (":path", "/failing"), (":authority", "mdb"), (":scheme", "http")]
    connection.send_headers(1, path, end_stream=True)
    await client.send(connection.data_to_send())
    events = connection.receive_data(await client.rest())
    assert any(isinstance(event, h2.events.ResponseReceived) for event in events)
    assert not any(isinstance(event, h2.events.StreamEnded) for event in events)


async def test_plain_http_on_a_tls_port_is_closed(start, server_tls):
    server = await start(ssl=server_tls)
    client = await server.connect()
    await client.send(call())
    await client.stream.send_eof()
    assert b"HTTP" not in await client.rest()
    assert server.rpc.calls == []
