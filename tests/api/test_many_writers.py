"""Many clients at once: every version is won once, every write is there once."""

import json
from collections import Counter

import pytest
import trio
from fixtures.openers import OPENERS, opener
from fixtures.served import serving
from fixtures.wire import Wire

import mdb
from mdb.database import NewNamespace

CONNECTIONS = 50


@pytest.fixture(params=OPENERS)
def make(request):
    return opener(request, request.param)


@pytest.fixture
async def served(make, lane):
    async with (
        make() as url,
        mdb.open(url) as database,
        serving(database, lane=lane) as running,
    ):
        _namespace, running.own = await database.create_namespace(NewNamespace("tests"))
        yield running


class Client:
    """A connection of its own."""

    def __init__(self, served, wire):
        self._headers = served.bearer(served.own)
        self._wire = wire

    async def call(self, *parts):
        return await self._wire.request("POST", "/rpc", self._headers, json.dumps(parts).encode())


async def together(served, work):
    """Run `work(client, n)` in fifty connections at once."""

    async def one(n):
        wire = await Wire.connect(served.port)
        try:
            await work(Client(served, wire), n)
        finally:
            await wire.close()

    async with trio.open_nursery() as nursery:
        for n in range(CONNECTIONS):
            nursery.start_soon(one, n)


# A call takes the application several times as long as the lane, for the same database.
VERSIONS = {"lane": 1000, "quart": 50}
READS = {"lane": 4, "quart": 1}


async def test_a_thousand_versions_of_a_stream_are_each_won_once(served, lane):
    """Each version is wanted by two of fifty connections, as soon as it is to be had."""
    count = VERSIONS[lane]
    reached = [trio.Event() for _ in range(count + 1)]
    reached[0].set()
    won, lost = Counter(), Counter()

    async def write(client, n):
        for version in range(n % (CONNECTIONS // 2), count, CONNECTIONS // 2):
            await reached[version].wait()
            message = {"type": "T", "data": n}
            options = {"expectedVersion": version - 1}
            answer = await client.call("stream.write", "counter-1", message, options)
            if answer.status == 200:
                assert answer.result["position"] == version
                won[version] += 1
            else:
                assert answer.code == "STREAM_VERSION_CONFLICT"
                assert answer.error[2]["actual"] >= version
                lost[version] += 1
            reached[version + 1].set()

    await together(served, write)
    assert won == dict.fromkeys(range(count), 1)
    assert lost == won
    rows = (await served.call("stream.get", "counter-1")).result
    assert [row[2] for row in rows] == list(range(count))


async def test_of_fifty_that_want_a_version_at_once_one_wins(served):
    codes = []

    async def write(client, n):
        message = {"type": "T", "data": n}
        answer = await client.call("stream.write", "s-1", message, {"expectedVersion": -1})
        codes.append(200 if answer.status == 200 else answer.code)

    await together(served, write)
    assert sorted(map(str, codes)) == ["200"] + ["STREAM_VERSION_CONFLICT"] * (CONNECTIONS - 1)


async def test_writes_of_many_connections_are_all_there_once_and_in_order(served):
    written = {}

    async def write(client, n):
        for step in range(6):
            stream = f"s-{(n + step) % 7}"
            message = {"type": "T", "data": [n, step]}
            result = (await client.call("stream.write", stream, message)).result
            written[result["globalPosition"]] = (stream, result["position"], [n, step])

    await together(served, write)
    rows = (await served.call("category.get", "s")).result
    assert {row[4]: (row[1], row[3], row[5]) for row in rows} == written
    assert len(rows) == CONNECTIONS * 6
    for stream in {row[1] for row in rows}:
        positions = [row[3] for row in rows if row[1] == stream]
        assert positions == list(range(len(positions)))


async def test_one_message_sent_by_fifty_is_stored_once(served):
    results = []

    async def write(client, _n):
        options = {"id": "01234567-89ab-4cde-8f01-23456789abcd", "expectedVersion": -1}
        message = {"type": "T", "data": {"a": 1}}
        results.append((await client.call("stream.write", "s-1", message, options)).result)

    await together(served, write)
    assert len(results) == CONNECTIONS
    assert all(result == results[0] for result in results)
    assert (await served.call("stream.version", "s-1")).result == 0


async def test_readers_see_every_answered_write_and_no_gap(served, lane):
    """While fifty connections write, each reads its own stream and the category after a write."""

    async def write_and_read(client, n):
        seen = 0
        for step in range(READS[lane]):
            result = (await client.call("stream.write", f"s-{n}", {"type": "T", "data": 1})).result
            assert (await client.call("stream.version", f"s-{n}")).result == step
            rows = (await client.call("category.get", "s", {"position": seen + 1})).result
            heights = [row[4] for row in rows]
            assert result["globalPosition"] in heights
            assert heights == list(range(seen + 1, seen + 1 + len(heights)))
            seen = heights[-1]

    await together(served, write_and_read)
