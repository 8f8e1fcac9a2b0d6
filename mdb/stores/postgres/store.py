"""The Postgres store: a database with the registry in one schema and each namespace in its own."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid4

import asyncpg
import trio

from mdb.core.errors import AuthUnauthorized, BackendUnavailable, MdbError, NamespaceNotFound
from mdb.core.messages import NamespaceRecord
from mdb.stores.base import OpenError, StoreStatistics, Watched
from mdb.stores.migrations import MigrationError
from mdb.stores.postgres import adoption, registry
from mdb.stores.postgres.bridge import open_bridge
from mdb.stores.postgres.connect import Address, Connector, first_connection, parse_url
from mdb.stores.postgres.faults import Lost, one_line, reading
from mdb.stores.postgres.migrate import SCRIPT_LIMIT, migrate_registry
from mdb.stores.postgres.namespace import PostgresNamespace
from mdb.stores.postgres.news import News
from mdb.stores.postgres.pool import Pool
from mdb.stores.postgres.schemas import DEFAULT_NAMESPACE, DEFAULT_SCHEMA
from mdb.stores.postgres.session import Session
from mdb.stores.postgres.signals import Listener, Notifier
from mdb.stores.postgres.sql import REGISTRY_SCHEMA, registry_query
from mdb.stores.postgres.watch import POLLING_AND_LISTENING, Watch, Watching

T = TypeVar("T")

log = logging.getLogger("mdb.stores.postgres")

# Seconds for a query of the registry, and for creating or dropping a schema with its 60 objects.
QUERY_LIMIT = 10.0
CHANGE_LIMIT = 60.0

# What the lists of a full `ns.list` page go through at a time when namespaces are migrated.
_PAGE = 1000


class PostgresStore:
    """`Store` for Postgres. Get one from `open_store`."""

    backend: Literal["sqlite", "postgres"] = "postgres"

    def __init__(self, pool: Pool, news: News | None = None, *, adopt: bool = False) -> None:
        """No I/O. `news`: for the watch, which `watched_by` names. `adopt`: see `open_store`."""
        self._pool = pool
        self._adopt = adopt
        self._news = news or News()
        self._watch: Watch | None = None
        self._namespaces: dict[str, PostgresNamespace] = {}

    def watched_by(self, watch: Watch) -> None:
        """Take in the watch that `watch` runs."""
        self._watch = watch

    async def watch(self, watched: Watched) -> None:
        """See `Store.watch`."""
        assert self._watch is not None
        await self._watch.run(watched)

    async def ping(self) -> int:
        """Ask the registry; return how many connections are open. See `Store.ping`."""
        await self._ask(_ping)
        return self.statistics().connections

    def statistics(self) -> StoreStatistics:
        """See `Store.statistics`."""
        beside = self._watch.connections if self._watch else 0
        return StoreStatistics(self._pool.open_sessions + beside, self._pool.waiting)

    def namespace(self, record: NamespaceRecord) -> PostgresNamespace:
        """Return the namespace's store. See `Store.namespace`."""
        known = self._namespaces.get(record.incarnation)
        if known is None:
            known = PostgresNamespace(record, self._pool, self._news)
            self._namespaces[record.incarnation] = known
        return known

    def forget(self, record: NamespaceRecord) -> None:
        """See `Store.forget`."""
        self._namespaces.pop(record.incarnation, None)

    async def create_namespace(
        self,
        namespace: str,
        *,
        token_digest: bytes,
        description: str | None = None,
        metadata: bytes | None = None,
    ) -> NamespaceRecord:
        """Create a namespace. See `Store.create_namespace`.

        Raises `NotAdopted` where the default namespace's schema is somebody else's.
        """
        incarnation = uuid4()
        try:
            if self._adopt and namespace == DEFAULT_NAMESPACE and await self._is_adoptable():
                return await self._change(
                    adoption.adopt, namespace, incarnation, token_digest, DEFAULT_SCHEMA
                )
            return await self._change(
                registry.create, namespace, incarnation, token_digest, description, metadata
            )
        except BackendUnavailable as exc:
            fault = exc
        # Perhaps the connection broke after the commit: then it is there, and it is ours.
        found = await self.find_namespace(namespace)
        if found is not None and found.incarnation == str(incarnation):
            return found
        raise fault

    async def _is_adoptable(self) -> bool:
        """Whether the default namespace's place holds messages that nobody has adopted."""
        return await self._ask(adoption.has_foreign_messages)

    async def delete_namespace(self, record: NamespaceRecord) -> tuple[int, int]:
        """Delete a namespace. See `Store.delete_namespace`. Its actor must have stopped."""
        try:
            count = await self.namespace(record).message_count()
        except AuthUnauthorized as exc:
            self.forget(record)
            raise NamespaceNotFound(f"namespace {record.id} not found") from exc
        try:
            deleted_at = await self._change(registry.bury, record)
        except BackendUnavailable:
            # Perhaps the connection broke after the commit: then nobody finds it any more.
            found = await self.find_namespace(record.id)  # noqa: ASYNC120  (cancelled, the cancellation is what is raised)
            if found is not None and found.incarnation == record.incarnation:
                raise
            deleted_at = time.time_ns() // 1000
        self._news.tell(REGISTRY_SCHEMA)
        self._namespaces.pop(record.incarnation, None)
        try:
            await self._change(registry.drop, UUID(record.incarnation), record.location)
        except MdbError:
            # It is deleted: no name and no token reaches it. Its schema goes at the next start.
            log.warning("schema %s could not be dropped yet", record.location, exc_info=True)
        return deleted_at, count

    async def find_namespace(self, namespace: str) -> NamespaceRecord | None:
        """See `Store.find_namespace`."""
        return await self._ask(registry.find_namespace, namespace)

    async def find_token(self, digest: bytes) -> tuple[bytes, NamespaceRecord] | None:
        """See `Store.find_token`."""
        return await self._ask(registry.find_token, digest)

    async def list_namespaces(self, limit: int, offset: int) -> Sequence[NamespaceRecord]:
        """See `Store.list_namespaces`."""
        return await self._ask(registry.list_namespaces, limit, offset)

    async def set_token(
        self, record: NamespaceRecord, digest: bytes, *, instead_of: bytes | None = None
    ) -> bool:
        """See `Store.set_token`."""
        try:
            done = await self._change(registry.set_token, record, digest, instead_of)
        except BackendUnavailable:
            # Perhaps the connection broke after the commit: then the old one is good no more.
            found = await self.find_token(digest)  # noqa: ASYNC120  (cancelled, the cancellation is what is raised)
            if found is None or found[1].incarnation != record.incarnation:
                raise
            done = True
        self._news.tell(REGISTRY_SCHEMA)
        return done

    async def migrate_namespaces(self) -> int:
        """See `Store.migrate_namespaces`. Raises `OpenError` naming the first that does not fit."""
        changed, offset = 0, 0
        while page := await self.list_namespaces(_PAGE, offset):
            for record in page:
                try:
                    with reading():
                        changed += bool(await self.namespace(record).migrate())
                except MdbError as exc:
                    raise OpenError(f"namespace {record.id}: {exc.message}") from exc
            offset += len(page)
        return changed

    async def _ask(self, function: Callable[..., Awaitable[T]], *args: object) -> T:
        with reading():
            try:
                return await self._registry("read", function, args, QUERY_LIMIT)
            except Lost:
                # See `PostgresNamespace._read`.
                return await self._registry("read", function, args, QUERY_LIMIT)

    async def _change(self, function: Callable[..., Awaitable[T]], *args: object) -> T:
        # Not interrupted by whoever asked: one transaction, and bounded.
        limit = trio.current_time() + CHANGE_LIMIT + QUERY_LIMIT
        with trio.CancelScope(shield=True, deadline=limit), reading():
            return await self._registry("write", function, args, CHANGE_LIMIT)
        raise BackendUnavailable

    async def _registry(
        self,
        kind: Literal["read", "write"],
        function: Callable[..., Awaitable[T]],
        args: tuple[Any, ...],
        limit: float,
    ) -> T:
        return await self._pool.run(kind, function, *args, schema=REGISTRY_SCHEMA, limit=limit)

    async def sweep(self) -> None:
        """Finish the deletions that a crash interrupted."""
        for incarnation, schema in await self._ask(registry.buried):
            log.warning("dropping what is left of schema %s", schema)
            try:
                await self._change(registry.drop, incarnation, schema)
            except MdbError:
                log.warning("schema %s could not be dropped yet", schema, exc_info=True)


async def _ping(session: Session) -> None:
    await session.value(registry_query("ping"), REGISTRY_SCHEMA)


def _listen_address(address: Address, watching: Watching) -> Address | None:
    """Return where to listen, None for nowhere."""
    if not watching.listen:
        return None
    if watching.listen_url is not None:
        return parse_url(watching.listen_url)
    if address.pooler:
        log.info("behind a transaction pooler other servers' writes are found by polling alone")
        return None
    return address


@asynccontextmanager
async def open_store(
    url: str, watching: Watching = POLLING_AND_LISTENING, *, adopt: bool = False
) -> AsyncGenerator[PostgresStore]:
    """Connect to a database; the registry is created, or brought up to date.

    `url`: see `connect.parse_url`. `watching`: how it learns of what others write. `adopt`: where
    the default namespace is still to be made and a Message DB is in its place, that is adopted;
    else it is `NotAdopted`, and nothing is touched. The namespaces' schemas are brought up to date
    when they are first used. Raises `OpenError` with one line for the operator. The store works for
    any task, wherever it was started, until the block ends.
    """
    address = parse_url(url)
    async with open_bridge() as bridge:
        connector = Connector(address)
        session = await first_connection(bridge, connector)
        pool = Pool(bridge, connector)
        pool.add(session)
        try:
            try:
                run = partial(pool.run, "write", schema=REGISTRY_SCHEMA)
                await run(adoption.check_first_start, adopt, limit=QUERY_LIMIT)
                await run(migrate_registry, limit=SCRIPT_LIMIT)
            except MigrationError as exc:
                raise OpenError(str(exc)) from exc
            except (Lost, asyncpg.PostgresError) as exc:
                raise OpenError(f"the registry cannot be set up: {one_line(exc)}") from exc
            news = News()
            store = PostgresStore(pool, news, adopt=adopt)
            notifier = Notifier(bridge, connector, news)
            at = _listen_address(address, watching)
            listener = None
            if at is not None:
                listener = Listener(bridge, Connector(at), news, lambda: notifier.pid)
            store.watched_by(
                Watch(
                    pool,
                    news,
                    store.namespace,
                    notifier=notifier,
                    listener=listener,
                    poll_interval=watching.poll_interval,
                )
            )
            await store.sweep()
            yield store
        finally:
            await pool.aclose()
