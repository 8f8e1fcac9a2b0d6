"""Reads and writes that the event loop carries out itself: short ones, in memory."""

import json

import pytest
import trio
import trio.testing
from fixtures.messages import one, positions, write

import mdb
from mdb.core.messages import AllQuery, CategoryQuery, StreamQuery, VersionConflict
from mdb.stores.sqlite.workers import Workers

LARGE = json.dumps("x" * 70_000).encode()


@pytest.fixture
async def space():
    """A namespace in memory: 100 messages of s-1, 101 of t-1, and of u-1 one that is large."""
    async with mdb.open("sqlite://:memory:") as database:
        record = await database.store.create_namespace("n1", token_digest=b"1" * 32)
        space = database.store.namespace(record)
        await space.open()
        await write(space, *(one("s-1") for _ in range(100)))
        await write(space, *(one("t-1") for _ in range(101)), one("u-1", data=LARGE))
        yield space
        await space.close()


class Counted:
    """How many functions were given to workers, each of which waits for `go` first."""

    def __init__(self, monkeypatch):
        """Count from now on."""
        self.count = 0
        self.go = trio.Event()
        self.go.set()
        run = Workers.run

        async def counted(workers, function, interrupt):
            self.count += 1
            await self.go.wait()
            return await run(workers, function, interrupt)

        monkeypatch.setattr(Workers, "run", counted)


@pytest.fixture
def workers(space, monkeypatch):
    """The workers, once all is written."""
    return Counted(monkeypatch)


SHORT = [
    (StreamQuery("s-1"), 100, 100),
    (StreamQuery("s-1", backward=True), 1, 1),
    (StreamQuery("t-1"), 100, 100),
    (StreamQuery("t-1", from_global=110), 1000, 92),
    (StreamQuery("none-1"), 1000, 0),
    (StreamQuery("u-1"), 0, 0),
    (CategoryQuery("s"), 100, 100),
    (AllQuery(position=150), 10, 10),
]

# Each may look at much, or return much.
LONG = [
    (StreamQuery("t-1"), 1000, 101),
    (StreamQuery("u-1"), 1, 1),
    (StreamQuery("s-1", type="none"), 10, 0),
    (StreamQuery("s-1", upto=5, backward=True), 10, 5),
    (CategoryQuery("s"), 1000, 100),
    (CategoryQuery("s", group=(0, 2)), 10, 10),
    (CategoryQuery("s", correlation="c"), 10, 0),
    (AllQuery(backward=True), 1, 1),
    (AllQuery(), 101, 101),
]


async def test_a_short_read_in_memory_needs_no_worker(space, workers):
    for query, limit, expected in SHORT:
        assert len(await positions(space, query, limit)) == expected, query
    assert await space.version("s-1") == 99
    assert await space.head() == 202
    assert await space.last("s-1", None) is not None
    assert workers.count == 0


async def test_a_read_that_may_be_long_is_given_to_a_worker(space, workers):
    for query, limit, expected in LONG:
        before = workers.count
        assert len(await positions(space, query, limit)) == expected, query
        assert workers.count == before + 1, query


async def test_a_short_read_waits_for_a_write_that_is_going_on(space, workers):
    """They share one connection, and the read sees what is written before it."""
    found = []
    workers.go = trio.Event()

    async def read():
        found.append(await positions(space, StreamQuery("v-1"), 10))
        found.append(await space.version("v-1"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write, space, one("v-1"), one("u-2", data=LARGE))
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        assert found == []
        workers.go.set()
    assert found == [[0], 0]


async def test_what_is_small_is_written_without_a_worker(space, workers):
    small = [one(f"v-{number}") for number in range(32)]
    assert [position for position, _ in await write(space, *small)] == [0] * 32
    conflict = await space.commit([one("v-1", expect=7)])
    assert conflict == [VersionConflict("v-1", 7, 0)]
    assert workers.count == 0
    await write(space, one("u-2", data=LARGE))
    await write(space, *(one("v-1") for _ in range(33)))
    assert workers.count == 2
    assert await space.head() == 202 + 32 + 1 + 33


async def test_a_short_read_lets_other_tasks_run(space, workers):
    for read in (
        lambda: space.read(StreamQuery("s-1"), 10),
        lambda: space.version("s-1"),
        space.head,
    ):
        with trio.testing.assert_checkpoints():
            await read()
    with trio.CancelScope() as scope:
        scope.cancel()
        await space.head()
    assert scope.cancelled_caught
    assert workers.count == 0
