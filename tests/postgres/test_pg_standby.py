"""What commits wait for a standby for is not said to stand before that has it.

A commit that nobody waits for any more is seen by everybody, and may be lost with the primary.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import trio

from mdb.core.messages import Append, Written
from mdb.stores.postgres import open_store, staging
from mdb.stores.postgres.namespace import PostgresNamespace
from tests.fixtures.postgres import Connection
from tests.fixtures.postgres_server import PostgresServer
from tests.postgres.helpers import digest, one, until, write

WAITS = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'"


async def has_to_wait(
    watcher: Connection, call: Callable[[list[Append]], Awaitable[Any]], batch: list[Append]
) -> bool:
    """Call until it waits for the standby, and give it up; False: it has come to its end."""
    waited = False
    async with trio.open_nursery() as nursery:

        async def end() -> None:
            await call(batch)
            nursery.cancel_scope.cancel()

        nursery.start_soon(end)
        await until(watcher, WAITS)
        waited = True
        nursery.cancel_scope.cancel()
    await until(watcher, WAITS, holds=lambda count: count == 0)
    return waited


@pytest.mark.parametrize(("options", "size"), [("", 1), ("?pooler=transaction", 2)])
async def test_what_a_standby_may_not_have_is_not_said_to_stand(
    private_postgres: Callable[..., PostgresServer],
    connect: Callable[..., Any],
    options: str,
    size: int,
) -> None:
    server = private_postgres(durable=True)
    watcher = await connect(server.url())
    async with open_store(f"{server.url()}{options}") as store:
        record = await store.create_namespace("tenant", token_digest=digest("t"))
        namespace: PostgresNamespace = store.namespace(record)
        await write(namespace, one("a-1"))

        await watcher.execute("alter system set synchronous_standby_names = 'away'")
        await watcher.execute("select pg_reload_conf()")
        waited = False
        while not waited:  # the setting reaches the server's processes one after the other
            batch = [one(f"a-{number}", own_id=True) for number in range(size)]
            waited = await has_to_wait(watcher, namespace.commit, batch)
        stands = f'select count(*) from "{record.location}".messages where id = $1'
        await until(watcher, stands, UUID(bytes=batch[0].messages[0].id))
        assert await has_to_wait(watcher, namespace.settle, batch)
        assert await has_to_wait(watcher, namespace.commit, batch)  # the same ids again

        async def settle_import(batch: list[Append]) -> None:
            moved = staging.MoveAttempt(first_id=UUID(bytes=batch[0].messages[0].id))
            use = partial(store._pool.run, "write", schema=record.location, limit=60)
            assert await use(staging.stands, namespace._queries, moved)

        assert await has_to_wait(watcher, settle_import, batch)

        await watcher.execute("alter system reset synchronous_standby_names")
        await watcher.execute("select pg_reload_conf()")
        found = await namespace.settle(batch)
        again = await namespace.commit(batch)
    for settled, repeated in zip(found, again, strict=True):
        assert isinstance(settled, Written)
        assert repeated == Written(settled.positions, repeated=True)
