"""The same without HTTP: subscribers, memory, and the two databases against each other."""

import json
import tracemalloc
from contextlib import aclosing

import pytest
import trio
from transfer_harness import history, line, text

import mdb
from mdb.core.errors import MdbError, PayloadTooLarge, PositionExists
from mdb.core.messages import Selection
from mdb.stores.base import POKES_WINDOW
from mdb.transfer import begin_export, importing


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def url(request, tmp_path):
    if request.param == "memory":
        return "sqlite://:memory:"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data"
    return request.getfixturevalue("database_url")


async def put(namespace, body):
    async with importing(namespace) as job:
        for start in range(0, len(body), 65536):
            await job.feed(body[start : start + 65536])
        await job.finish()
        return job.imported


async def exported(namespace, selection=None):
    async with aclosing(await begin_export(namespace, selection or Selection())) as blocks:
        return b"".join([block async for block in blocks])


def odd_messages():
    """Messages that databases like to change."""
    datas = [
        b"null",
        b"true",
        b'"\\u00e4\\ud83d\\ude00 \\" \\\\ \\/ \\b\\n\\u001f\xc2\x80\xe2\x80\xa8"',
        b'{"b":1.50,"a":{"d":[],"c":{}},"\xc3\xa4":1,"aa":0,"A":-0.0}',
        b'{"k":1,"k":2}',
        b"[1E400,1e-7,0.1,100e-2,12345678901234567890123456789.5,-1e21,1e20]",
        b"  [ 1 , 2 ]  ",
    ]
    metas = [b"null", b'{"correlationStreamName":"cmd-1","z":1.0}', b"{}"]
    for n in range(60):
        one = line(3 * n + 7, f"odd{n % 5}-\u00e4 {n % 2}+x", n // 10)
        one["time"] = ["0001-01-01T00:00:00.000001Z", "9999-12-31T23:59:59.999999Z", one["time"]][
            n % 3
        ]
        raw = json.dumps(one | {"data": "DATA", "meta": "META"}).encode()
        raw = raw.replace(b'"DATA"', datas[n % len(datas)])
        yield raw.replace(b'"META"', metas[n % len(metas)]) + b"\n"


async def test_any_two_databases_give_byte_for_byte_the_same(tmp_path, database_url):
    body = b"".join(odd_messages()) + text(history(2500, 7, first=1000))
    files = f"sqlite:///{tmp_path}/data"
    async with (
        mdb.open("sqlite://:memory:") as memory,
        mdb.open(files) as sqlite,
        mdb.open(database_url) as postgres,
    ):
        export = b""
        for n, database in enumerate((memory, sqlite, postgres, sqlite, memory)):
            namespace, _token = await database.create_namespace(mdb.NewNamespace(f"ns{n}"))
            assert await put(namespace, body) == 2560
            found = await exported(namespace)
            assert found == export or not export
            body = export = found
        some = Selection(("account", "odd1"), until=None, since=0)
        whole = [json.loads(one) for one in export.splitlines()]
        wanted = [
            one
            for one in whole
            if one["stream"].partition("-")[0] in ("account", "odd1") and one["time"] > "1970"
        ]
        for n, database in ((1, sqlite), (2, postgres)):
            namespace = await database.namespace(f"ns{n}")
            found = await exported(namespace, some)
            assert [json.loads(one) for one in found.splitlines()] == wanted


async def test_what_is_longer_written_out_than_it_was_written_is_taken_in_again(url):
    """Of numbers the export has the decimal form, which may take several times the bytes."""
    numbers = ["1e20", "-1E-18", "15e-9", "2e3", "1e999", '"1e20 000000000"', "120000"]
    data = "[" + ",".join(numbers * ((1 << 20) // 60)) + "]"
    raw = json.dumps(line(1) | {"data": "DATA"}).replace('"DATA"', data).encode()
    assert len(raw) < (1 << 20)
    async with mdb.open(url) as database:
        written, _token = await database.create_namespace(mdb.NewNamespace("written"))
        again, _token = await database.create_namespace(mdb.NewNamespace("again"))
        await put(written, raw)
        whole = await exported(written)
        assert len(whole) > 3 << 19
        assert await put(again, whole) == 1
        assert await exported(again) == whole
        with pytest.raises(PayloadTooLarge):
            await put(again, text([line(2, "other", data="0" * (1 << 20))]))


async def test_subscribers_see_each_imported_message_once_and_in_order(url):
    async with mdb.open(url) as database, trio.open_nursery() as nursery:
        namespace, _token = await database.create_namespace(mdb.NewNamespace("ns"))
        seen = {"all": [], "category": [], "stream": []}
        done = {kind: trio.Event() for kind in seen}
        begun = {kind: trio.Event() for kind in seen}

        async def follow(kind, last, **what):
            async with namespace.subscribe(**what) as pokes:
                async for poke in pokes:
                    seen[kind].append(poke.global_position)
                    begun[kind].set()
                    if poke.global_position == last:
                        done[kind].set()
                        return

        nursery.start_soon(lambda: follow("all", 20_000, all=True))
        nursery.start_soon(lambda: follow("category", 19_999, category="account"))
        nursery.start_soon(lambda: follow("stream", 20_000, stream="live-1"))
        await namespace.write("live-1", "T", 0)
        await namespace.write("account-0", "T", 0)
        with trio.fail_after(60):
            for event in begun.values():
                await event.wait()
            many = history(1500, 3, first=100)
            many[0::3] = [one | {"pos": one["pos"] + 1} for one in many[0::3]]
            await put(namespace, text(many))
            await put(namespace, text([line(19_999, "account-1", 500)]))
            await namespace.write("live-1", "T", 1)
            for event in done.values():
                await event.wait()
    assert seen["all"] == [1, 2, *range(100, 1600), 19_999, 20_000]
    assert seen["category"] == [2, *range(100, 1600), 19_999]
    assert seen["stream"] == [1, 20_000]


async def test_a_follower_crosses_a_wide_gap_in_one_step(url):
    far = POKES_WINDOW * 10**9
    async with mdb.open(url) as database:
        namespace, _token = await database.create_namespace(mdb.NewNamespace("ns"))
        await put(namespace, text([line(1), line(far, pos=1)]))
        with trio.fail_after(30):
            async with namespace.subscribe(category="account") as pokes:
                assert (await anext(pokes)).global_position == 1
                assert (await anext(pokes)).global_position == far
        assert len((await exported(namespace)).splitlines()) == 2


async def test_an_import_that_is_left_without_an_end_leaves_nothing(url):
    async with mdb.open(url) as database:
        namespace, _token = await database.create_namespace(mdb.NewNamespace("ns"))
        async with importing(namespace) as job:
            await job.feed(text(history(1200)))
            assert job.imported == 1000
        assert await exported(namespace) == b""
        with trio.CancelScope() as scope:
            async with importing(namespace) as job:
                await job.feed(text(history(1200)))
                scope.cancel()
                await job.feed(b"\n")
                await trio.lowlevel.checkpoint()
        assert scope.cancelled_caught
        with pytest.raises(PositionExists) as caught:
            await put(namespace, text(history(1200)) + text([line(1500, "account-1", 3)]))
        assert caught.value.details["line"] == 1201
        assert await put(namespace, text(history(1200))) == 1200


async def test_an_export_holds_what_was_there_when_it_began(url):
    async with mdb.open(url) as database:
        namespace, _token = await database.create_namespace(mdb.NewNamespace("ns"))
        await put(namespace, text(history(3000)))
        async with aclosing(await begin_export(namespace)) as blocks:
            first = await anext(blocks)
            await namespace.write("account-0", "T", "later")
            rest = [block async for block in blocks]
        assert len(b"".join([first, *rest]).splitlines()) == 3000


async def test_an_export_of_a_namespace_that_goes_breaks_off(url):
    async with mdb.open(url) as database:
        namespace, _token = await database.create_namespace(mdb.NewNamespace("ns"))
        await put(namespace, text(history(3000)))
        async with aclosing(await begin_export(namespace)) as blocks:
            await anext(blocks)
            await database.delete_namespace("ns")
            with pytest.raises(MdbError):
                async for _block in blocks:
                    pass


async def test_memory_stays_within_some_pages_however_long_the_history_is(tmp_path):
    """20,000 messages of 1 KiB, 20 MiB, within 12: what a page, its rows and its text may take."""
    async with mdb.open(f"sqlite:///{tmp_path}/data") as database:
        namespace, _token = await database.create_namespace(mdb.NewNamespace("ns"))
        long_line = text([line(1)]).replace(b'{"n": 1}', b'"%s"' % (b"x" * 1000))
        one_id = json.loads(long_line)["id"].encode()
        long_line = long_line.replace(one_id, one_id[:28] + b"%08d").replace(b"account-1", b"a-%d")
        long_line = long_line.replace(b'"pos": 0, "gpos": 1', b'"pos": %d, "gpos": %d')
        tracemalloc.start()
        try:
            async with importing(namespace) as job:
                for n in range(20_000):
                    await job.feed(long_line % (n, n % 1000, n // 1000, n + 1))
                await job.finish()
            size = 0
            async with aclosing(await begin_export(namespace)) as blocks:
                async for block in blocks:
                    size += len(block)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert size > 20_000 * 1000
        assert peak < 12 << 20, f"{peak / 2**20:.1f} MiB"


async def test_writers_are_answered_throughout_also_while_the_import_is_moved_in(url):
    async with mdb.open(url) as database, trio.open_nursery() as nursery:
        namespace, _token = await database.create_namespace(mdb.NewNamespace("ns"))
        written = []
        stop = trio.Event()

        async def write(stream):
            while not stop.is_set():
                written.append((await namespace.write(stream, "T", 0)).global_position)

        for n in range(4):
            nursery.start_soon(write, f"live-{n}")
        assert await put(namespace, text(history(5000, 50, first=10**9))) == 5000
        await namespace.write("account-0", "T", 0, expected_version=99)
        stop.set()
    assert len(set(written)) == len(written)
    assert min(written) == 1
    assert max(written) > 10**9 + 4999, "none was written after the import"
    assert not [at for at in written if 10**9 <= at < 10**9 + 5000]
