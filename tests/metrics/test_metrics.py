"""`GET /metrics` agrees with what was done, and is what Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from fixtures.served import server, serving
from fixtures.sse import following
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

import mdb
from mdb.core import tokens
from tests.subscribe.writers import genuine, install, take

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
async def served():
    async with server() as running:
        yield running


async def scrape(served, **labels):
    """Every sample, by name and labels."""
    answer = await served.request("GET", "/metrics")
    assert answer.status == 200
    families = text_string_to_metric_families(answer.body.decode())
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


async def test_it_counts_what_was_done(served):
    message = {"type": "T", "data": {}}
    for _ in range(3):
        assert (await served.call("stream.write", "a-1", message)).status == 200
    batch = await served.call("stream.writeBatch", "a-1", [message] * 5)
    assert batch.status == 200
    wrong = {"expectedVersion": 99}
    assert (await served.call("stream.write", "a-1", message, wrong)).status == 409
    assert (await served.call("stream.write", "a-1")).status == 400
    assert (await served.call("nonsense")).status == 400
    found = await scrape(served)

    def requests(method: str, outcome: str) -> float:
        return found["mdb_rpc_requests_total", ("method", method), ("outcome", outcome)]

    assert requests("stream.write", "OK") == 3
    assert requests("stream.writeBatch", "OK") == 1
    assert requests("stream.write", "STREAM_VERSION_CONFLICT") == 1
    assert requests("stream.write", "INVALID_REQUEST") == 1
    assert requests("other", "INVALID_REQUEST") == 1
    assert found["mdb_rpc_request_seconds_count", ("method", "stream.write")] == 5
    assert found["mdb_messages_written_total",] == 8
    assert found["mdb_writes_total", ("result", "written")] == 4
    assert found["mdb_writes_total", ("result", "version_conflict")] == 1
    # Those that came one after the other are a transaction each.
    assert found["mdb_commit_size_count",] == found["mdb_commit_seconds_count",] == 5
    assert found["mdb_commit_size_bucket", ("le", "1.0")] == 5
    assert found["mdb_namespaces",] == 2  # the default one, too
    assert found["mdb_actors",] == 1
    assert found["mdb_write_queue",] == found["mdb_actor_crashes_total",] == 0
    assert found["mdb_database_connections",] >= 1
    assert found["mdb_build_info", ("backend", "sqlite"), ("version", mdb.__version__)] == 1


async def test_subscribers_and_their_pokes(served):
    message = {"type": "T", "data": {}}
    await served.call("stream.write", "a-1", message)
    async with following(served, "all=true") as one, following(served, "category=a") as other:
        for events in (one, other):
            await events.ready()
            await events.poke()
        found = await scrape(served)
        assert found["mdb_subscribers",] == 2
        assert found["mdb_pokes_total", ("source", "database")] == 2
        await served.call("stream.write", "a-1", message)
        for events in (one, other):
            await events.poke()
        found = await scrape(served)
        told = [found["mdb_pokes_total", ("source", name)] for name in ("database", "published")]
        assert sum(told) == 4


async def test_a_deleted_namespace_leaves_its_counts(served):
    await served.call("stream.write", "a-1", {"type": "T", "data": {}})
    async with following(served, "all=true") as events:
        await events.ready()
        await events.poke()
        (namespace,) = [n for n in served.database.opened() if n.id == "tests"]
        namespace.feed.hub.subscribe(("all", ""), 1)
        for _ in range(2):
            await served.call("stream.write", "a-1", {"type": "T", "data": {}})
        before = await scrape(served)
        assert before["mdb_subscribers_lagged_total",] == 1
        await served.call("ns.delete", "tests", token=served.admin)
    found = await scrape(served)
    for name in ("mdb_subscribers_lagged_total", "mdb_messages_written_total"):
        assert found[name,] == before[name,] > 0
    assert found["mdb_subscribers",] == 0


async def test_its_text_is_that_of_both_formats_and_names_nobody(served):
    await served.call("stream.write", "secretstream-1", {"type": "T", "data": {}})
    plain = await served.request("GET", "/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    answer = await served.request("GET", "/metrics", [("Accept", OPENMETRICS)])
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    text = answer.body.decode()
    assert text.endswith("# EOF\n")
    families = list(openmetrics.text_string_to_metric_families(text))
    assert all(family.documentation for family in families)
    assert len({family.name for family in families}) == len(families)
    for body in (text, plain.body.decode()):
        assert "secretstream" not in body
        assert "tests" not in body
        assert served.own not in body


async def test_it_needs_no_token_and_no_database(
    private_postgres: Callable[..., Any],
) -> None:
    postgres = private_postgres()
    async with mdb.open(postgres.url()) as database, serving(database) as served:
        await trio.to_thread.run_sync(postgres.kill)
        found = await scrape(served)
        assert ("mdb_subscribers",) in found


async def test_who_holds_readers_of_everything_back_is_named(
    database_url: str, connect: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdb.http.metrics._HELD_LONG", 0.0)
    slow, quick = await connect(database_url), await connect(database_url)
    async with mdb.open(database_url, poll_interval=0.02) as database, serving(database) as served:
        served.own = tokens.make("default")
        await database.ensure_default(served.own)
        namespace = await database.namespace()
        await namespace.write("a-1", "T", {})
        await install(quick, "message_store")
        pid = await slow.fetchval("select pg_backend_pid()")
        async with (
            namespace.subscribe(all=True) as pokes,
            namespace.subscribe(stream="b-1") as seen,
        ):
            assert await take(pokes, 1) == [("a-1", 1)]
            await slow.execute("begin")
            await genuine(slow, "message_store", "slow-1")
            await genuine(quick, "message_store", "b-1")
            await take(seen, 1)
            name = "mdb_readers_held_back_seconds", ("pid", str(pid))
            with trio.fail_after(15):
                while name not in (found := await scrape(served)):
                    await trio.lowlevel.checkpoint()
            assert found["mdb_readers_held_back",] == 1
            await slow.execute("commit")
            with trio.fail_after(15):
                assert [stream for stream, _ in await take(pokes, 2)] == ["slow-1", "b-1"]
            found = await scrape(served)
            assert found["mdb_readers_held_back",] == 0
            assert name not in found
