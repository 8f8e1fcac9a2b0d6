"""Follow a long history from its beginning, and measure what that costs the server.

    PYTHONPATH=tests python -m tests.torture.long_history [--messages 250000]

On SQLite and on Postgres, over HTTP, with everything there is as the topic. It fails where the
history is not told completely, in order, each message once; it shows how long that took, and the
server's memory on the way.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time

import trio

from tests.fixtures.openers import SCRATCH
from tests.fixtures.postgres_server import running_server
from tests.fixtures.server import Server, start_server
from tests.torture.memory import memory
from tests.torture.over_http import TOKEN, Line

BATCH = 1000
STREAMS = 100

POKE = re.compile(rb"id: (\d+)\nevent: poke\n")


def fill(server: Server, messages: int) -> None:
    for number in range(messages // BATCH):
        batch = [{"type": "T", "data": {"n": n}} for n in range(BATCH)]
        stream = f"long-{number % STREAMS}"
        assert server.rpc("stream.writeBatch", stream, batch, token=TOKEN).is_success


async def follow(server: Server, messages: int) -> list[float]:
    """Follow to the last message; return the server's memory at ten points of the way."""
    line = await Line.connect(server.port)
    headers = [("Authorization", f"Bearer {TOKEN}")]
    await line.send("GET", "/subscribe?all=true&position=0", headers)
    status, _headers = await line.head()
    assert status == 200, status
    told, text, seen = 0, b"", []
    while told < messages:
        # What is left of a block whose end has not come yet.
        text, _, rest = (text + await line.chunk()).rpartition(b"\n\n")
        for identifier in POKE.findall(text):
            told += 1
            assert int(identifier) == told, f"told {int(identifier)} instead of {told}"
            if told % (messages // 10) == 0:
                seen.append(memory(server))
        text = rest
    await line.close()
    return seen


async def measure(messages: int, *options: str) -> None:
    with start_server([f"--token={TOKEN}", "--log-level=error", *options]) as server:
        await trio.to_thread.run_sync(fill, server, messages)
        begin = time.perf_counter()
        seen = await follow(server, messages)
        taken = time.perf_counter() - begin
        print(
            f"{messages} messages followed in {taken:.1f} s, {messages / taken:.0f}/s: all, in "
            f"order, each once; memory on the way {', '.join(f'{mib:.0f}' for mib in seen)} MiB, "
            f"at most {memory(server, 'VmHWM'):.0f}",
            flush=True,
        )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=250_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mdb-", dir=SCRATCH) as scratch:
        print("SQLite:   ", end="")
        await measure(given.messages, f"--data-dir={scratch}")
    with running_server() as postgres:
        print("Postgres: ", end="")
        await measure(given.messages, f"--db-url={postgres.url()}")


if __name__ == "__main__":
    trio.run(main)
