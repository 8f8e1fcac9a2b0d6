"""An import whose connection to Postgres breaks at its commit."""

from __future__ import annotations

import pytest
from transfer_harness import history, text

import mdb
from mdb.transfer import importing
from tests.fixtures.proxy import breaking_proxy

COMMIT = b"COMMIT;"


async def put(namespace: mdb.Namespace, body: bytes) -> int:
    async with importing(namespace) as job:
        await job.feed(body)
        await job.finish()
        return job.imported


async def test_where_only_the_answer_is_lost_the_outcome_is_found_out(database_url: str) -> None:
    async with breaking_proxy(database_url) as proxy, mdb.open(proxy.url) as database:
        namespace, _ = await database.create_namespace(mdb.NewNamespace("tenant"))
        proxy.break_at(COMMIT, "after")
        assert await put(namespace, text(history(30))) == 30
        assert len(await namespace.get_all()) == 30


async def test_where_the_commit_never_arrived_nothing_was_imported(database_url: str) -> None:
    async with breaking_proxy(database_url) as proxy, mdb.open(proxy.url) as database:
        namespace, _ = await database.create_namespace(mdb.NewNamespace("tenant"))
        proxy.break_at(COMMIT, "before")
        with pytest.raises(mdb.BackendUnavailable):
            await put(namespace, text(history(30)))
        assert await namespace.get_all() == []
        # The same again succeeds: nothing of the first is in the way.
        assert await put(namespace, text(history(30))) == 30


async def test_where_the_database_is_gone_too_nobody_knows(database_url: str) -> None:
    async with breaking_proxy(database_url) as proxy, mdb.open(proxy.url) as database:
        namespace, _ = await database.create_namespace(mdb.NewNamespace("tenant"))
        proxy.break_at(COMMIT, "after", for_all=True)
        with pytest.raises(mdb.WriteUncertain, match="import") as raised:
            await put(namespace, text(history(30)))
        assert raised.value.details == {"ids": []}
        proxy.heal()
        # Whoever repeats it is told that it stood all the while.
        with pytest.raises(mdb.MdbError) as repeated:
            await put(namespace, text(history(30)))
        assert repeated.value.code == "POSITION_EXISTS"
        assert len(await namespace.get_all()) == 30
        assert (await namespace.write("new-1", "Written", 1)).global_position > 30
