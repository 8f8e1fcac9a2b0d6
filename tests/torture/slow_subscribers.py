"""Measure what subscribers that never read a byte cost the others, and the server.

    python -m tests.torture.slow_subscribers [--subscribers 2000] [--stalled 200] [--writes 20]

Two servers, one after the other: all subscribers read; then some of them do not. For each: how long
a write takes to reach all who read, the server's memory, and how long it takes to stop.
"""

from __future__ import annotations

import argparse
import signal
import socket
import statistics
import time
from functools import partial

import trio

from tests.fixtures.server import Server, start_server
from tests.torture.memory import memory

TOKEN = "ns_ZGVmYXVsdA_" + "ab" * 32

# A poke with a stream's name as long as this fills the buffers between the two sooner.
STREAM = "a-" + "x" * 400

POKE = b"event: poke\n"

# Messages written before anything is timed: some 480 KB of pokes for each subscriber.
FLOOD = 1000


class Crowd:
    """The subscribers. `told`: when the last of those who read had the poke awaited."""

    def __init__(self, readers: int) -> None:
        self.readers = readers
        self.ready = 0
        self.all_ready = trio.Event()
        self.left = 0
        self.told = trio.Event()

    def expect(self, pokes: int = 1) -> None:
        self.left = self.readers * pokes
        self.told = trio.Event()

    def took(self, pokes: int) -> None:
        self.left -= pokes
        if self.left <= 0:
            self.told.set()

    def is_ready(self, wanted: int) -> None:
        self.ready += 1
        if self.ready == wanted:
            self.all_ready.set()


async def subscriber(port: int, crowd: Crowd, wanted: int, *, reads: bool) -> None:
    sock = trio.socket.socket()
    if not reads:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with sock:
        await sock.connect(("127.0.0.1", port))
        request = f"GET /subscribe?all=true&token={TOKEN} HTTP/1.1\r\nHost: mdb\r\n\r\n"
        await sock.send(request.encode())
        seen = b""
        while b": ready\n" not in seen:
            seen += await sock.recv(4096)
        crowd.is_ready(wanted)
        if not reads:
            await trio.sleep_forever()
        cut = b""
        while received := await sock.recv(65536):
            # A poke may come in two pieces.
            text = cut + received
            pokes = text.count(POKE)
            cut = text[1 - len(POKE) :]
            if pokes:
                crowd.took(pokes)


def write(server: Server) -> None:
    server.rpc("stream.write", STREAM, {"type": "T", "data": {}}, token=TOKEN)


def flood(server: Server, messages: int) -> None:
    """Write so much that those who do not read have the buffers of their connections full."""
    batch = [{"type": "T", "data": {}}] * min(messages, 1000)
    for _ in range(messages // len(batch)):
        assert server.rpc("stream.writeBatch", STREAM, batch, token=TOKEN).is_success


async def measure(subscribers: int, stalled: int, writes: int) -> float:
    """Print the figures; return the median of the times to reach all who read, in seconds."""
    with start_server(["--test-mode", f"--token={TOKEN}", "--log-level=error"]) as server:
        crowd = Crowd(subscribers - stalled)
        times = []
        async with trio.open_nursery() as nursery:
            for number in range(subscribers):
                reads = number >= stalled
                start = partial(subscriber, server.port, crowd, subscribers, reads=reads)
                nursery.start_soon(start)
                if number % 100 == 99:
                    await trio.sleep(0.1)  # the server's queue of connections is not what is meant
            with trio.fail_after(120):
                await crowd.all_ready.wait()
            before = memory(server)
            crowd.expect(FLOOD)
            await trio.to_thread.run_sync(flood, server, FLOOD)
            with trio.fail_after(120):
                await crowd.told.wait()
            for _ in range(writes):
                crowd.expect()
                begin = time.perf_counter()
                await trio.to_thread.run_sync(write, server)
                with trio.fail_after(120):
                    await crowd.told.wait()
                times.append(time.perf_counter() - begin)
            after = memory(server)
            begin = time.perf_counter()
            server.send(signal.SIGTERM)
            await trio.to_thread.run_sync(server.wait)
            stopping = time.perf_counter() - begin
            nursery.cancel_scope.cancel()
    median = statistics.median(times)
    print(
        f"{subscribers} subscribers, {stalled} never read: all others told within "
        f"{median * 1000:.0f} ms (median of {writes}; worst {max(times) * 1000:.0f}), memory "
        f"{before:.0f} -> {after:.0f} MiB, stopped in {stopping:.2f} s",
        flush=True,
    )
    return median


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=2000)
    parser.add_argument("--stalled", type=int, default=200)
    parser.add_argument("--writes", type=int, default=20)
    given = parser.parse_args()
    without = await measure(given.subscribers - given.stalled, 0, given.writes)
    beside = await measure(given.subscribers, given.stalled, given.writes)
    print(f"ratio of the times: {beside / without:.2f}")


if __name__ == "__main__":
    trio.run(main)
