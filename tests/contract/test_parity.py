"""The same calls on every store give the same answers: SQLite in memory and in a file, Postgres."""

from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
from fixtures.openers import OPENERS, opener
from fixtures.vectors import load_document

import mdb
from mdb.database import NewNamespace


@asynccontextmanager
async def namespaces(openers, *names):
    """The namespaces of these names in every store: a list for each store."""
    async with AsyncExitStack() as stack:
        found = []
        for make in openers:
            url = await stack.enter_async_context(make())
            db = await stack.enter_async_context(mdb.open(url))
            made = [await db.create_namespace(NewNamespace(name)) for name in names]
            found.append([namespace for namespace, _token in made])
        yield found


@pytest.fixture
def same(request):
    """Runs a script on every store; returns its answer, which is the same on all of them."""
    openers = [opener(request, name) for name in OPENERS]

    async def run(script, *names):
        async with namespaces(openers, *(names or ("n1",))) as stores:
            answers = [await script(*spaces) for spaces in stores]
        assert len(answers) == len(OPENERS) >= 3
        assert all(answer == answers[0] for answer in answers[1:])
        return answers[0]

    return run


def plain(messages):
    """Messages without what differs from run to run: ids and times."""
    fields = ("stream", "type", "position", "global_position", "data", "metadata")
    return [tuple(getattr(m, name, None) for name in fields) for m in messages]


STREAMS = ["a-1", "a-2", "b-1", "a-1", "a", "a-1+x", "a-", "b-1", "a-2"]


async def fill(ns):
    for n, stream in enumerate(STREAMS):
        metadata = {"correlationStreamName": f"c{n % 2}-1"} if n % 3 else None
        await ns.write(stream, "AB"[n % 2], {"n": n, "x": [1.5, None, "ä"]}, metadata)


async def test_MDB001_6A_T1_namespaces_are_apart(same):
    async def script(one, two):
        await fill(one)
        await two.write("a-1", "T", "theirs")
        return plain(await one.get("a-1")), plain(await two.category("a"))

    mine, theirs = await same(script, "n1", "n2")
    assert len(mine) == 2
    assert [row[4] for row in theirs] == ["theirs"]


async def test_MDB001_6A_T2_what_is_written_reads_the_same(same):
    async def script(ns):
        await fill(ns)
        return [
            plain(await ns.get(stream, backward=backward, batch_size=size, position=position))
            for stream in (*STREAMS, "none-1")
            for backward in (False, True)
            for size in (1000, 1, 0)
            for position in (None, 0, 1, 7)
        ] + [(await ns.version(stream)) for stream in (*STREAMS, "none-1")]

    assert (await same(script))[0]


async def test_MDB001_6A_T3_categories_read_the_same(same):
    async def script(ns):
        await fill(ns)
        return [
            plain(await ns.category("a", **options))
            for options in (
                {},
                {"backward": True},
                {"position": 4, "batch_size": 2},
                {"position": 4, "backward": True},
                {"type": "A"},
                {"type": "A", "backward": True, "batch_size": 1},
                {"correlation": "c1"},
                {"correlation": "c"},
            )
        ] + [plain(await ns.category("none"))]

    everything, *_ = await same(script)
    assert len(everything) == 7


async def test_only_a_string_names_a_correlated_stream(same):
    async def script(ns):
        for name in ("5", 5, True, None, ["5"], "5-x"):
            await ns.write("a-1", "T", {}, {"correlationStreamName": name})
        return plain(await ns.category("a", correlation="5"))

    assert [row[4] for row in await same(script)] == [{}, {}]


async def test_MDB001_6A_T4_consumer_groups_divide_the_same(same):
    names = [vector["stream_name"] for vector in load_document("consumer_groups")["vectors"]]
    sample = sorted({name for name in names if name.startswith("cgv")})[::3]

    async def script(ns):
        for name in sample:
            await ns.write(name, "T", {})
        return [
            [m.stream for m in await ns.category("cgv", consumer_group=(member, size))]
            for size in (1, 3, 8)
            for member in range(size)
        ]

    members = await same(script)
    assert sum(map(len, members)) == 3 * len([n for n in sample if "-" in n])


async def test_MDB001_6A_T5_expected_versions_are_judged_the_same(same):
    async def script(ns):
        outcomes = []
        for stream, expected in (
            ("a-1", 0),
            ("a-1", -1),
            ("a-1", -1),
            ("a-1", 0),
            ("a-1", 5),
            ("b-1", None),
            ("b-1", 0),
        ):
            try:
                written = await ns.write(stream, "T", {}, expected_version=expected)
                outcomes.append(written.position)
            except mdb.StreamVersionConflict as conflict:
                outcomes.append((conflict.message, conflict.details))
        return outcomes

    outcomes = await same(script)
    assert [o for o in outcomes if isinstance(o, int)] == [0, 1, 0, 1]


async def test_MDB001_6A_T6_many_namespaces_are_written_at_once(same):
    names = [f"n{n}" for n in range(8)]

    async def script(*spaces):
        async with trio.open_nursery() as nursery:
            for ns in spaces:
                for n in range(5):
                    nursery.start_soon(ns.write, f"s-{n}", "T", ns.id)
        return [
            (sorted(m.stream for m in found), {m.data for m in found})
            for found in [await ns.category("s") for ns in spaces]
        ]

    found = await same(script, *names)
    assert found == [([f"s-{n}" for n in range(5)], {name}) for name in names]


@pytest.mark.parametrize("expected", [None, -1])
async def test_MDB001_6A_T7_one_stream_is_written_by_many_at_once(same, expected):
    async def script(ns):
        won = []

        async def write(n):
            try:
                written = await ns.write("s-1", "T", n, expected_version=expected)
                won.append(written.position)
            except mdb.StreamVersionConflict:
                pass

        async with trio.open_nursery() as nursery:
            for n in range(30):
                nursery.start_soon(write, n)
        assert sorted(won) == [m.position for m in await ns.get("s-1")]
        return sorted(won)

    assert await same(script) == (list(range(30)) if expected is None else [0])
