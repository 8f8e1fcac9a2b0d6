"""Behind a transaction pooler, which gives the next transaction to another session."""

from __future__ import annotations

import json

import pytest
import trio

import mdb
from mdb.core.errors import PositionExists
from mdb.transfer import begin_export, importing
from tests.fixtures.pooler import Pooler, transaction_pooler


async def put(namespace: mdb.Namespace, body: bytes) -> int:
    async with importing(namespace) as job:
        for start in range(0, len(body), 65536):
            await job.feed(body[start : start + 65536])
        await job.finish()
        return job.imported


async def exported(namespace: mdb.Namespace) -> bytes:
    return b"".join([block async for block in await begin_export(namespace)])


def history(count: int, above: int = 0) -> bytes:
    lines = [
        {
            "id": f"00000000-0000-4000-8000-{above + n:012}",
            "stream": f"account-{n % 7}",
            "type": "Moved",
            "pos": n // 7,
            "gpos": above + n + 1,
            "data": {"n": n},
            "meta": None,
            "time": "2026-01-15T10:30:00.123456Z",
        }
        for n in range(count)
    ]
    return b"".join(
        json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n" for line in lines
    )


def assert_mixed(pooler: Pooler) -> None:
    """The sessions took turns: otherwise nothing was shown."""
    assert len(set(pooler.used)) > 1


async def test_two_servers_write_read_and_follow(database_url: str) -> None:
    async with (
        transaction_pooler(database_url) as pooler,
        mdb.open(pooler.url, poll_interval=0.05) as one,
        mdb.open(pooler.url, poll_interval=0.05) as two,
    ):
        ours, _ = await one.create_namespace(mdb.NewNamespace("tenant"))
        theirs = await two.namespace("tenant")
        async with theirs.subscribe(all=True) as pokes, trio.open_nursery() as nursery:
            for namespace in (ours, theirs):
                for stream in ("a-1", "a-2", "a-3"):

                    async def write(
                        namespace: mdb.Namespace = namespace, stream: str = stream
                    ) -> None:
                        for number in range(10):
                            await namespace.write(stream, "Written", number)
                        await namespace.write_batch(stream, [mdb.Message("Batched", 1)] * 2)

                    nursery.start_soon(write)
            got: list[mdb.Poke] = []
            with trio.fail_after(60):
                while len(got) < 72:
                    got.append(await anext(pokes))
        assert [p.global_position for p in got] == sorted({p.global_position for p in got})
        for stream in ("a-1", "a-2", "a-3"):
            messages = await ours.get(stream)
            assert [m.position for m in messages] == list(range(24))
        with pytest.raises(mdb.StreamVersionConflict):
            await theirs.write("a-1", "Late", None, expected_version=3)
        assert_mixed(pooler)
        # The drivers of two processes name what they prepare alike, and would meet in a session.
        assert not pooler.named


async def test_an_import_is_taken_in_whole_and_a_refused_one_leaves_nothing(
    database_url: str,
) -> None:
    async with transaction_pooler(database_url) as pooler, mdb.open(pooler.url) as database:
        namespace, _ = await database.create_namespace(mdb.NewNamespace("tenant"))
        body = history(2500)
        assert await put(namespace, body) == 2500
        assert await exported(namespace) == body
        assert (await namespace.write("account-0", "Written", 1)).global_position > 2500
        before = await exported(namespace)
        with pytest.raises(PositionExists):
            await put(namespace, history(10, above=5000))  # positions that are taken
        assert await exported(namespace) == before
        # Nothing of either import stays in a session that others go on to use.
        for n in range(10):
            await namespace.write("other-1", "Written", n)
        assert await put(namespace, body[:0]) == 0
        assert_mixed(pooler)


async def test_an_import_that_is_left_gives_its_session_back(database_url: str) -> None:
    async with (
        transaction_pooler(database_url, sessions=2) as pooler,
        mdb.open(pooler.url) as database,
    ):
        namespace, _ = await database.create_namespace(mdb.NewNamespace("tenant"))
        for _ in range(3):
            async with importing(namespace) as job:
                await job.feed(history(1500))
        assert await namespace.version("account-0") is None
        assert (await namespace.write("account-0", "Written", 1)).position == 0
