"""Several servers on one Postgres, and programs that write to it directly."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import trio
from fixtures.served import serving
from fixtures.sse import following

import mdb
from mdb.core import tokens
from mdb.database import NewNamespace
from mdb.stores.postgres import watch
from mdb.stores.postgres.signals import Listener
from tests.subscribe.conftest import NEVER, OFTEN
from tests.subscribe.writers import direct, take

LISTENERS = (
    "select pid from pg_stat_activity where query ilike 'listen%' and datname = current_database()"
)
END_LISTENERS = f"select count(pg_terminate_backend(pid)) from ({LISTENERS}) l"


async def until(conn: Any, query: str) -> None:
    with trio.fail_after(15):
        while not await conn.fetchval(query):
            await trio.lowlevel.checkpoint()


async def test_a_write_on_one_server_is_poked_on_the_other_without_a_poll(
    database_url: str, serve_on: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    one = await serve_on(database_url, poll_interval=NEVER)
    other = await serve_on(database_url, poll_interval=NEVER)
    watcher = await connect(database_url)
    await until(watcher, f"select count(*) = 2 from ({LISTENERS}) l")
    writing, following = await one.namespace(), await other.namespace()
    async with following.subscribe(category="a") as pokes:
        for n in range(1, 4):
            await writing.write(f"a-{n}", "T", {})
            with trio.fail_after(15):
                assert await take(pokes, 1) == [(f"a-{n}", n)]


@pytest.mark.parametrize("options", [{}, {"listen": False}])
async def test_a_direct_write_is_poked_on_every_server(
    database_url: str,
    serve_on: Callable[..., Any],
    connect: Callable[..., Any],
    options: dict[str, Any],
) -> None:
    one = await serve_on(database_url, poll_interval=OFTEN, **options)
    other = await serve_on(database_url, poll_interval=OFTEN, **options)
    client = await connect(database_url)
    first, second = await one.namespace(), await other.namespace()
    async with first.subscribe(all=True) as here, second.subscribe(stream="a-1") as there:
        for n in range(1, 4):
            await direct(client, "message_store", "a-1")
            with trio.fail_after(15):
                assert await take(here, 1) == await take(there, 1) == [("a-1", n)]


async def test_what_was_written_while_nobody_listened_is_caught_up_with(
    database_url: str,
    serve_on: Callable[..., Any],
    connect: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The listening connection is lost, and a write comes before there is a new one."""
    one = await serve_on(database_url, poll_interval=NEVER)
    other = await serve_on(database_url, poll_interval=NEVER)
    watcher = await connect(database_url)
    await until(watcher, f"select count(*) = 2 from ({LISTENERS}) l")
    writing, following = await one.namespace(), await other.namespace()
    async with following.subscribe(all=True) as pokes:
        await writing.write("a-1", "T", {})
        with trio.fail_after(15):
            assert await take(pokes, 1) == [("a-1", 1)]
        may_listen = trio.Event()
        pid_of_lost = await watcher.fetch(LISTENERS)
        connect_to_listen = Listener._connect

        async def held_up(listener: Listener) -> Any:
            await may_listen.wait()
            return await connect_to_listen(listener)

        monkeypatch.setattr(Listener, "_connect", held_up)
        assert await watcher.fetchval(END_LISTENERS) == len(pid_of_lost) == 2
        await until(watcher, f"select count(*) = 0 from ({LISTENERS}) l")
        await writing.write("a-2", "T", {})
        may_listen.set()
        with trio.fail_after(15):
            assert await take(pokes, 1) == [("a-2", 2)]


async def test_behind_a_pooler_it_listens_at_a_direct_address(
    database_url: str, serve_on: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    pooled = f"{database_url}?pooler=transaction"
    watcher = await connect(database_url)
    one = await serve_on(pooled, poll_interval=OFTEN)
    other = await serve_on(pooled, poll_interval=NEVER, listen_url=database_url)
    await until(watcher, f"select count(*) = 1 from ({LISTENERS}) l")
    first, second = await one.namespace(), await other.namespace()
    async with first.subscribe(all=True) as here, second.subscribe(all=True) as there:
        await first.write("a-1", "T", {})
        with trio.fail_after(15):
            assert await take(here, 1) == await take(there, 1) == [("a-1", 1)]


async def test_a_namespace_deleted_elsewhere_is_gone_here(
    database_url: str, serve_on: Callable[..., Any]
) -> None:
    one = await serve_on(database_url, poll_interval=OFTEN)
    other = await serve_on(database_url, poll_interval=OFTEN)
    _, token = await one.create_namespace(NewNamespace("tenant"))
    following = await other.authenticate(token)
    async with following.subscribe(all=True) as pokes:
        await one.delete_namespace("tenant")
        with trio.fail_after(15), pytest.raises(mdb.Ended) as ended:
            await anext(pokes)
    assert ended.value.reason == "gone"
    # The subscription may have learnt it from a read of its own, before the poll did.
    with trio.fail_after(15):
        while other.known(token) is not None:
            await trio.lowlevel.checkpoint()
    with pytest.raises(mdb.AuthUnauthorized):
        await other.authenticate(token)


async def test_nothing_is_kept_of_a_namespace_deleted_elsewhere(
    database_url: str, serve_on: Callable[..., Any]
) -> None:
    """A server may live through any number of them."""
    one = await serve_on(database_url, poll_interval=OFTEN)
    other = await serve_on(database_url, poll_interval=OFTEN)
    _, token = await one.create_namespace(NewNamespace("tenant"))
    kept = weakref.ref((await other.authenticate(token)).store)
    async with (await other.authenticate(token)).subscribe(all=True) as pokes:
        await one.delete_namespace("tenant")
        with trio.fail_after(15), pytest.raises(mdb.Ended):
            await anext(pokes)
    del pokes
    with trio.fail_after(15):
        # The poll that finds it deleted has it in hand until the next one.
        while kept() is not None:
            await trio.testing.wait_all_tasks_blocked(0.01)
            gc.collect()


async def test_a_token_replaced_elsewhere_lets_nobody_in_and_ends_subscriptions(
    database_url: str, serve_on: Callable[..., Any]
) -> None:
    one = await serve_on(database_url, poll_interval=OFTEN)
    other = await serve_on(database_url, poll_interval=OFTEN)
    made, old = await one.create_namespace(NewNamespace("tenant"))
    _, unconcerned = await one.create_namespace(NewNamespace("other"))
    kept = await other.authenticate(unconcerned)
    following = await other.authenticate(old)
    new = tokens.make("tenant")
    async with following.subscribe(all=True) as pokes, kept.subscribe(all=True) as others:
        await one.store.set_token(made.record, tokens.parse(new).digest)
        with trio.fail_after(15), pytest.raises(mdb.Ended) as ended:
            await anext(pokes)
        assert ended.value.reason == "gone"
        assert other.known(old) is None
        with pytest.raises(mdb.AuthUnauthorized):
            await other.authenticate(old)
        assert await other.authenticate(new) is following
        assert other.known(unconcerned) is kept
        await kept.write("a-1", "T", {})
        with trio.fail_after(15):
            assert await take(others, 1) == [("a-1", 1)]


@pytest.mark.parametrize("known", [True, False])
async def test_a_table_that_somebody_keeps_locked_holds_up_nobody_else(
    database_url: str,
    serve_on: Callable[..., Any],
    connect: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    known: bool,
) -> None:
    """As a `vacuum full` does: neither others' subscribers nor a token's end wait for it."""
    monkeypatch.setattr(watch, "LOOK_LIMIT", 0.1)
    one = await serve_on(database_url, poll_interval=OFTEN)
    other = await serve_on(database_url, poll_interval=OFTEN)
    maintainer, client = await connect(database_url), await connect(database_url)
    locked, _ = await one.create_namespace(NewNamespace("locked"))
    free, _ = await one.create_namespace(NewNamespace("free"))
    _, token = await one.create_namespace(NewNamespace("tenant"))
    await one.authenticate(token)
    await locked.write("a-1", "T", {})
    if known:
        await locked.store.look()
    table = f'"{locked.record.location}".messages'
    async with locked.subscribe(all=True) as waits, free.subscribe(all=True) as pokes:
        await maintainer.execute("begin")
        await maintainer.execute(f"lock table {table} in access exclusive mode")
        for n in range(1, 4):
            await direct(client, f'"{free.record.location}"', "a-1")
            with trio.fail_after(5):
                assert await take(pokes, 1) == [("a-1", n)]
        await other.rotate_token("tenant")
        with trio.fail_after(5):
            while one.known(token) is not None:
                await trio.lowlevel.checkpoint()
        await maintainer.execute("rollback")
        with trio.fail_after(15):
            assert await take(waits, 1) == [("a-1", 1)]


async def test_a_look_up_that_began_before_a_token_was_replaced_elsewhere_does_not_keep_it(
    database_url: str, serve_on: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    """Its finding is old when it arrives: what others took away was looked up meanwhile."""
    one = await serve_on(database_url, poll_interval=NEVER)
    other = await serve_on(database_url, poll_interval=OFTEN)
    watcher = await connect(database_url)
    made, token = await one.create_namespace(NewNamespace("tenant"))
    find = other.store.find_token
    found, go_on = trio.Event(), trio.Event()
    refused: list[str] = []

    async def slow(digest: bytes) -> Any:
        result = await find(digest)
        if not found.is_set():
            found.set()
            await go_on.wait()
        return result

    async def ask() -> None:
        with pytest.raises(mdb.AuthUnauthorized):
            await other.authenticate(token)
        refused.append(token)

    other.store.find_token = slow
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        await found.wait()
        new = tokens.parse(tokens.make("tenant"))
        await one.store.set_token(made.record, new.digest)
        count = await watcher.fetchval("select revisions from mdb.revocations")
        with trio.fail_after(15):
            while other.store._watch._revisions != count:
                await trio.lowlevel.checkpoint()
        go_on.set()
    assert refused == [token]
    assert other.known(token) is None


async def test_a_token_of_before_a_deletion_elsewhere_gets_none_of_the_new_namespace(
    database_url: str, serve_on: Callable[..., Any]
) -> None:
    """For as long as this server has not heard of it."""
    one = await serve_on(database_url, poll_interval=NEVER)
    other = await serve_on(database_url, poll_interval=NEVER, listen=False)
    _, old = await one.create_namespace(NewNamespace("tenant"))
    async with serving(other) as served:
        assert (await served.call("ns.info", "tenant", token=old)).status == 200
        await one.delete_namespace("tenant")
        again, new = await one.create_namespace(NewNamespace("tenant"))
        for method in ("ns.info", "ns.rotateToken", "ns.delete"):
            answer = await served.call(method, "tenant", token=old)
            assert (method, answer.code) == (method, "AUTH_UNAUTHORIZED")
        assert await one.store.find_token(tokens.digest(new)) is not None
        assert await one.namespace("tenant") is again


async def test_of_servers_that_start_together_one_makes_and_shows_the_admins_token(
    database_url: str, serve_on: Callable[..., Any]
) -> None:
    """The default namespace is there without a token, as an adoption leaves it."""
    one = await serve_on(database_url, poll_interval=OFTEN)
    other = await serve_on(database_url, poll_interval=OFTEN)
    await one.namespace()
    asked: list[object] = []
    together = trio.Event()
    shown: list[str | None] = []

    async def start(database: mdb.Database) -> None:
        find_token = database.store.find_token

        async def together_with_the_other(digest: bytes) -> Any:
            found = await find_token(digest)
            asked.append(database)
            if len(asked) == 2:
                together.set()
            await together.wait()
            return found

        database.store.find_token = together_with_the_other
        shown.append((await database.ensure_default())[0])

    with trio.fail_after(15):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(start, one)
            nursery.start_soon(start, other)
    [token] = [token for token in shown if token is not None]
    assert (await one.authenticate(token)).is_default


async def test_a_database_that_goes_away_keeps_its_subscribers(
    private_postgres: Callable[..., Any], serve_on: Callable[..., Any]
) -> None:
    server = private_postgres(durable=True)
    one = await serve_on(server.url(), poll_interval=OFTEN)
    namespace = await one.namespace()
    async with namespace.subscribe(all=True) as pokes, namespace.subscribe(category="a") as some:
        await namespace.write("a-1", "T", {})
        assert await take(pokes, 1) == await take(some, 1) == [("a-1", 1)]
        await trio.to_thread.run_sync(server.kill)
        with pytest.raises(mdb.BackendUnavailable):
            await namespace.write("a-1", "T", {})
        await trio.to_thread.run_sync(server.start)
        second = await serve_on(server.url(), poll_interval=NEVER)
        await (await second.namespace()).write("a-2", "T", {})
        with trio.fail_after(30):
            # A crash may have burnt positions that were set aside.
            [(stream, at)] = await take(pokes, 1)
            assert (stream, at > 1) == ("a-2", True)
            assert await take(some, 1) == [("a-2", at)]


async def test_who_comes_with_the_new_token_is_not_told_that_the_old_one_is_gone(
    database_url: str, serve_on: Callable[..., Any]
) -> None:
    one = await serve_on(database_url, poll_interval=NEVER, listen=False)
    other = await serve_on(database_url, poll_interval=NEVER, listen=False)
    _, old = await one.create_namespace(NewNamespace("tenant"))
    namespace = await other.authenticate(old)
    watch = other.store._watch
    with trio.fail_after(15):
        while watch._revisions is None:
            await trio.lowlevel.checkpoint()
    seen = watch._revisions
    async with namespace.subscribe(all=True) as before:
        new = await one.rotate_token("tenant")
        found = []
        async with trio.open_nursery() as nursery:
            for _ in range(3):

                async def come() -> None:
                    found.append(await other.authenticate(new))
                    async with found[0].subscribe(all=True) as pokes:
                        assert (await anext(pokes)).stream == "a-1"

                nursery.start_soon(come)
            with trio.fail_after(15):
                with pytest.raises(mdb.Ended):
                    await anext(before)
                while len(found) < 3:
                    await trio.lowlevel.checkpoint()
                other.store._news.look_at_everything()
                while watch._revisions == seen:
                    await trio.lowlevel.checkpoint()
                assert other.known(old) is None
                await namespace.write("a-1", "T", {})


async def keep_alives(events: Any, count: int) -> None:
    """Wait for so many keep-alives with nothing but bare ids between them."""
    while count:
        event = await events.next()
        assert event is not None, "the stream ended"
        assert event.event is None, event
        count -= event.comment == "keep-alive"


async def test_over_http_a_stream_outlives_its_database(
    private_postgres: Callable[..., Any], serve_on: Callable[..., Any]
) -> None:
    """Keep-alives go on while it is gone, for who waits and for who has something to read."""
    server = private_postgres(durable=True)
    database = await serve_on(server.url(), poll_interval=OFTEN)
    namespace = await database.namespace()
    async with serving(database, keep_alive=0.1) as served:
        served.own = tokens.make("default")
        await database.ensure_default(served.own)
        async with (
            following(served, "all=true") as waits,
            following(served, "category=a") as behind,
        ):
            await waits.ready()
            await behind.ready()
            await namespace.write("a-1", "T", {})
            assert (await waits.poke()).stream == (await behind.poke()).stream == "a-1"
            await trio.to_thread.run_sync(server.kill)
            namespace.feed.hub.wake([("category", "a")])
            with trio.fail_after(30):
                await keep_alives(waits, 3)
                await keep_alives(behind, 3)
            await trio.to_thread.run_sync(server.start)
            # What the server has not written itself it has to find out.
            other = await serve_on(server.url(), poll_interval=NEVER)
            await (await other.namespace()).write("a-2", "T", {})
            with trio.fail_after(30):
                assert (await waits.poke()).stream == (await behind.poke()).stream == "a-2"
