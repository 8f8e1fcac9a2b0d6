"""A working day: a foreign program writes, three subscribers follow, then all is read back."""

from __future__ import annotations

import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fixtures.server import Server

from blackbox.backends import TOKEN, Backend
from blackbox.client import Client, Follower, canonical, connected, exact, member_of

SCRIPT = Path(__file__).with_name("session.mjs")

# Seconds for all 10,000 writes, on a busy machine.
WRITE_LIMIT = 120

CATEGORIES = {"account", "account:command", "order", "café", "userProfile"}
HOT = "order-7+7"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

Message = dict[str, Any]


@pytest.mark.timeout(300)  # a session is long on a busy machine; each wait in it has its own bound
def test_ten_thousand_messages_are_written_followed_and_read_back(
    backend: Backend, node: str
) -> None:
    with (
        backend.server() as server,
        ThreadPoolExecutor(1) as pool,
        Follower(server, TOKEN, stream=HOT) as stream,
        Follower(server, TOKEN, category="order", consumer="1", size="4") as member,
        Follower(server, TOKEN, all="true") as everything,
        Follower(server, TOKEN, leave_after=3000, all="true") as leaver,
    ):
        writing = pool.submit(write_session, node, server)
        # Two more come while it is written, and have to catch up with it: one that was there
        # before, and one that is new and has several pages before it.
        leaver.wait_for(3000)
        leaver.wait_end()
        with (
            Follower(server, TOKEN, last_id=leaver.events[-1][0], all="true") as back,
            Follower(server, TOKEN, all="true") as late,
        ):
            messages = writing.result()
            with connected(server, TOKEN) as client:
                check_streams(client, messages)
                check_categories(client, messages)
                check_consumer_groups(client, messages)
                check_correlation(client, messages)
            everyone = places(messages)
            wanted = {
                stream: places(messages, lambda m: m["stream"] == HOT),
                member: places(messages, lambda m: is_read_by(m, "order", 1)),
                everything: everyone,
                back: everyone[len(leaver.events) :],
                late: everyone,
            }
            assert leaver.pokes == everyone[: len(leaver.events)]
            for follower, pokes in wanted.items():
                assert len(pokes) > 100
                follower.wait_for(len(pokes))
            assert server.stop() == 0
            # Ended by the server: nothing is still on its way, so no poke came twice.
            for follower, pokes in wanted.items():
                follower.wait_end()
                assert follower.clean_end
                assert follower.pokes == pokes


def check_streams(client: Client, messages: list[Message]) -> None:
    """Each stream is complete, in the order in which it was written, and equal."""
    by_stream: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        by_stream[message["stream"]].append(message)
    assert len(by_stream) == 200
    for stream, of_stream in by_stream.items():
        read = client.result("stream.get", stream)
        assert [m[2] for m in read] == list(range(len(of_stream)))
        assert [with_stream(m, stream) for m in read] == [as_read(m) for m in of_stream]
        assert all(TIME.fullmatch(m[6]) for m in read)
        assert client.result("stream.version", stream) == len(of_stream) - 1
        assert client.result("stream.last", stream) == read[-1]


def check_categories(client: Client, messages: list[Message]) -> None:
    """Each category is complete, in global order, and equal, page by page and in one answer."""
    assert {category_of(m) for m in messages} == CATEGORIES
    for category in CATEGORIES:
        wanted = [as_read(m) for m in messages if category_of(m) == category]
        paged = read_pages(client, category, batchSize=700)
        assert [without_time(m) for m in paged] == wanted
        assert client.result("category.get", category, {"batchSize": -1}) == paged


def check_consumer_groups(client: Client, messages: list[Message]) -> None:
    """The members of a group of four share each category: disjoint, and complete."""
    for category in CATEGORIES:
        shares = [
            read_pages(client, category, consumerGroup={"member": member, "size": 4})
            for member in range(4)
        ]
        for member, share in enumerate(shares):
            wanted = [as_read(m) for m in messages if is_read_by(m, category, member)]
            assert [without_time(m) for m in share] == wanted
        together = [m[0] for share in shares for m in share]
        assert len(together) == len(set(together))
        assert set(together) == {m["id"] for m in messages if category_of(m) == category}


def check_correlation(client: Client, messages: list[Message]) -> None:
    """What a saga started is found by the category of its stream, and nothing else is."""
    wanted = [
        as_read(m) for m in messages if category_of(m) == "account" and correlation_of(m) == "order"
    ]
    assert len(wanted) > 20
    read = client.result("category.get", "account", {"correlation": "order"})
    assert [without_time(m) for m in read] == wanted


def write_session(node: str, server: Server) -> list[Message]:
    """Run the script; return what it wrote and was answered, by global position."""
    done = subprocess.run(
        [node, SCRIPT, server.url],
        env={**os.environ, "TOKEN": TOKEN},
        capture_output=True,
        timeout=WRITE_LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    *lines, last = done.stdout.decode().split("\n")[:-1]
    assert exact(last) == {"connections": 16}, "the server closed connections in between"
    messages = sorted(map(exact, lines), key=lambda m: m["globalPosition"])
    assert len(messages) == len({m["globalPosition"] for m in messages}) == 10_000
    return messages


def read_pages(client: Client, category: str, **options: object) -> list[list[Any]]:
    """Read a category to its end as a consumer does: each page from above the last one."""
    read: list[list[Any]] = []
    position = 1
    while page := client.result("category.get", category, {"position": position, **options}):
        read += page
        position = page[-1][4] + 1
    return read


def as_read(message: Message) -> object:
    """Turn a line of the script into the category's layout, without the time."""
    names = ("id", "stream", "type", "position", "globalPosition")
    texts = (message["data"], message["metadata"] or "null")
    return canonical([message[name] for name in names] + [exact(text) for text in texts])


def with_stream(message: list[Any], stream: str) -> object:
    return without_time([message[0], stream, *message[1:]])


def without_time(message: list[Any]) -> object:
    return canonical(message[:7])


def category_of(message: Message) -> str:
    return message["stream"].partition("-")[0]


def correlation_of(message: Message) -> str:
    metadata = exact(message["metadata"] or "null") or {}
    return metadata.get("correlationStreamName", "").partition("-")[0]


def is_read_by(message: Message, category: str, member: int) -> bool:
    return category_of(message) == category and member_of(message["stream"], 4) == member


def places(
    messages: Iterable[Message], wanted: Callable[[Message], bool] = lambda _message: True
) -> list[tuple[str, int, int]]:
    """Return what a subscriber is to hear of messages."""
    return [(m["stream"], m["position"], m["globalPosition"]) for m in messages if wanted(m)]
