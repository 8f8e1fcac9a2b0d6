"""What a client of the lane gets, request after request, on one connection."""

import pytest
import trio
from http_harness import JSON_HEAD, call, quick

CHUNKED = JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nHost: mdb\r\n\r\n"
OLD = b"POST /rpc HTTP/1.0\r\n"


async def test_keeps_the_connection(start):
    server = await start()
    client = await server.connect()
    for number in range(3):
        await client.send(call(b"[%d]" % number))
        answer = await client.answer()
        assert (answer.status, answer.body) == (200, b"lane:[%d]" % number)
        assert answer.headers["content-type"] == "application/json"
        assert "date" in answer.headers
        assert "server" not in answer.headers
        assert "connection" not in answer.headers


@pytest.mark.parametrize("size", [10_000, 37, 61, 1])
async def test_answers_a_pipeline_in_order(start, size):
    server = await start()
    client = await server.connect()
    bodies = [b"[%d]" % number for number in range(5)]
    await client.send_in_pieces(b"".join(map(call, bodies)), size)
    assert [(await client.answer()).body for _ in bodies] == [b"lane:" + body for body in bodies]


@pytest.mark.parametrize("size", [10_000, 1])
async def test_takes_chunks_with_extensions_and_trailers(start, size):
    server = await start()
    client = await server.connect()
    data = CHUNKED + b"2;ext=1\r\n[1\r\n1\r\n]\r\n0\r\nAuthorization: Bearer no\r\n\r\n"
    await client.send_in_pieces(call() + data + call(), size)
    bodies = [(await client.answer()).body for _ in range(3)]
    assert bodies == [b"lane:[]", b"lane:[1]", b"lane:[]"]
    assert server.rpc.calls[1] == (b"[1]", None, None)


async def test_passes_token_and_sane_request_id_on(start):
    server = await start()
    client = await server.connect()
    await client.send(call(b"[]", b"Authorization: Bearer t", b"X-Request-Id: my-1"))
    assert (await client.answer()).headers["x-request-id"] == "my-1"
    await client.send(call(b"[]", b"X-Request-Id: two words"))
    await client.answer()
    assert server.rpc.calls == [(b"[]", "Bearer t", "my-1"), (b"[]", None, None)]


async def test_a_refusal_carries_the_clients_request_id(start):
    server = await start(limits=quick(max_body=10))
    client = await server.connect()
    await client.send(call(b"x" * 11, b"X-Request-Id: my-2"))
    answer = await client.answer()
    assert (answer.status, answer.headers["x-request-id"]) == (413, "my-2")


async def test_asks_for_the_body_when_the_client_waits_to_be_asked(start):
    server = await start()
    client = await server.connect()
    request = call(b"[7]", b"Expect: 100-Continue")
    await client.send(request[:-3])
    assert (await client.answer()).status == 100
    await client.send(b"[7]")
    assert (await client.answer()).body == b"lane:[7]"


async def test_does_not_ask_for_a_body_that_comes_anyway(start):
    server = await start()
    client = await server.connect()
    request = call(b"[7]", b"Expect: 100-continue")
    await client.send(request[:-2])
    await client.send(request[-2:])
    assert (await client.answer()).status == 200


async def test_refuses_before_asking_for_too_large_a_body(start):
    server = await start(limits=quick(max_body=10))
    client = await server.connect()
    await client.send(JSON_HEAD + b"Expect: 100-continue\r\nContent-Length: 11\r\n\r\n")
    assert (await client.answer()).status == 413


@pytest.mark.parametrize(
    "lines",
    [
        [b"Connection: close"],
        [b"Connection: close, keep-alive"],
        [b"Connection: keep-alive, close"],
        [b"Connection: close", b"Connection: keep-alive"],
        [b"Connection: keep-alive", b"Connection: Close"],
    ],
)
async def test_closes_when_asked_to_and_reads_no_further(start, lines):
    server = await start()
    client = await server.connect()
    await client.send(call(b"[]", *lines) + call(b'"after the end"'))
    answer = await client.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert await client.rest() == b""  # before we have ended our side
    assert len(server.rpc.calls) == 1


async def test_http_1_0_closes_unless_asked_to_stay(start):
    server = await start()
    client = await server.connect()
    await client.send(call(b"[1]", b"Connection: keep-alive", head=OLD))
    answer = await client.answer()
    assert (answer.body, answer.headers["connection"]) == (b"lane:[1]", "keep-alive")
    await client.send(call(b"[2]", head=OLD))
    assert (await client.answer()).headers["connection"] == "close"
    await client.stream.send_eof()
    assert await client.rest() == b""


async def test_answers_who_has_ended_sending(start):
    server = await start()
    client = await server.connect()
    await client.send(call(b"[1]") + call(b'"wait"') + call(b"[3]"))
    await client.stream.send_eof()
    assert (await client.answer()).body == b"lane:[1]"
    await server.rpc.entered.wait()
    server.rpc.gate.set()
    assert [(await client.answer()).body for _ in range(2)] == [b'lane:"wait"', b"lane:[3]"]
    assert await client.rest() == b""


async def test_closes_when_the_client_ends_inside_a_request(start):
    server = await start()
    client = await server.connect()
    await client.send(call(b"[1]")[:-1])
    await client.stream.send_eof()
    assert await client.rest() == b""
    assert server.rpc.calls == []


async def test_hides_a_bug_of_the_dispatcher(start, caplog):
    server = await start()
    client = await server.connect()
    await client.send(call(b'"raise"') + call())
    answer = await client.answer()
    assert (answer.status, answer.code) == (500, "BACKEND_ERROR")
    assert b"secret" not in answer.body
    assert (await client.answer()).status == 200
    assert "the dispatcher raised" in caplog.text


async def test_streams_in_chunks_and_goes_on(start):
    server = await start()
    client = await server.connect()
    await client.send(call(b'"stream3"') + call(b'"stream0"') + call())
    answer = await client.answer()
    assert (answer.headers["transfer-encoding"], answer.body) == ("chunked", b"<0><1><2>")
    assert (await client.answer()).body == b""
    assert (await client.answer()).body == b"lane:[]"


async def test_streams_to_http_1_0_until_the_end_of_the_connection(start):
    server = await start()
    client = await server.connect()
    await client.send(call(b'"stream3"', b"Connection: keep-alive", head=OLD))
    await client.stream.send_eof()
    answer = await client.answer()
    assert (answer.headers["connection"], answer.body) == ("close", b"<0><1><2>")
    assert "transfer-encoding" not in answer.headers


async def test_breaks_a_faulty_stream_off_without_its_last_chunk(start, caplog):
    server = await start()
    client = await server.connect()
    await client.send(call(b'"stream2fail"') + call())
    await client.until(b"<1>\r\n")
    assert await client.rest() == b""
    assert server.rpc.streamed.closed.is_set()
    assert "a streamed answer broke off" in caplog.text


async def test_breaks_a_faulty_stream_to_http_1_0_off_with_a_reset(start):
    server = await start()
    client = await server.connect()
    await client.send(call(b'"stream2fail"', head=OLD))
    with pytest.raises(trio.BrokenResourceError):
        await client.rest()


async def test_a_stream_that_fails_at_once_is_an_error(start):
    server = await start()
    client = await server.connect()
    await client.send(call(b'"stream0fail"', b"X-Request-Id: my-3"))
    answer = await client.answer()
    assert (answer.status, answer.code) == (500, "BACKEND_ERROR")
    assert answer.headers["x-request-id"] == "my-3"


@pytest.mark.parametrize("size", [10_000, 61])
async def test_hands_the_next_request_over_on_the_same_connection(start, size):
    server = await start()
    client = await server.connect()
    data = CHUNKED + b"2\r\n[]\r\n0\r\n\r\n" + call() + b"\r\n" + HEALTH + HEALTH
    await client.send_in_pieces(data, size)
    for _ in range(2):
        assert (await client.answer()).body == b"lane:[]"
    for _ in range(2):
        answer = await client.answer()
        assert (answer.status, answer.body) == (200, b'{"status":"ok"}\n')
        assert "server" not in answer.headers


async def test_hands_a_call_that_would_upgrade_over_with_its_body(start):
    server = await start()
    client = await server.connect()
    lines = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")
    await client.send_in_pieces(call(b'["upgrade"]', *lines), 50)
    assert (await client.answer()).body == b'quart:["upgrade"]'
    assert server.rpc.calls == []


async def test_without_a_dispatcher_all_is_the_applications(start):
    server = await start(lane=False)
    client = await server.connect()
    await client.send(call())
    assert (await client.answer()).body == b"quart:[]"


async def test_a_large_answer_arrives_whole(start):
    server = await start()
    client = await server.connect()
    await client.send(call(b'"big"'))
    assert len((await client.answer()).body) == 30_000_000
