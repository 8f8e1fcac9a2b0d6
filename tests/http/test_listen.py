"""Listening on addresses and ports."""

import errno
import socket

import pytest
import trio
from http_harness import quick

from mdb.http.listen import accept_forever, open_listeners


async def test_all_addresses_of_a_host_get_the_same_free_port():
    listeners = await open_listeners(None, 0, quick())
    ports = {listener.socket.getsockname()[1] for listener in listeners}
    for listener in listeners:
        await listener.aclose()
    assert len(ports) == 1


async def test_a_taken_port_is_an_error():
    (first,) = await open_listeners("127.0.0.1", 0, quick())
    with pytest.raises(OSError, match="in use"):
        await open_listeners("127.0.0.1", first.socket.getsockname()[1], quick())
    await first.aclose()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this kernel has no such limit")
async def test_accepted_sockets_have_the_kernels_send_timeout_and_no_delay():
    (listener,) = await open_listeners("127.0.0.1", 0, quick(send_timeout=7.0))
    client = await trio.open_tcp_stream(*listener.socket.getsockname())
    stream = await listener.accept()
    assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000
    assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    for resource in (client, stream, listener):
        await resource.aclose()


async def test_a_full_process_goes_on_accepting_later(autojump_clock, caplog):
    class Full:
        def __init__(self):
            self.answers = [OSError(errno.EMFILE, "Too many open files"), "a stream"]

        async def accept(self):
            await trio.lowlevel.checkpoint()
            if not self.answers:
                await trio.sleep_forever()
            answer = self.answers.pop(0)
            if isinstance(answer, OSError):
                raise answer
            return answer

    taken = []
    with trio.move_on_after(10):
        await accept_forever(Full(), taken.append)
    assert taken == ["a stream"]
    assert "no room for another connection" in caplog.text
