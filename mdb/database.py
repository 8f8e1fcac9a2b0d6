"""An open database: its namespaces, who may reach them, and the actors that write them.

`open_database` is the root of everything at run time. It owns a nursery for the actors and
nothing else: no signals, no logging configuration, no globals, so that it can live inside any
trio program.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import msgspec
import trio

import actors
from actors.mailbox import MAX_BYTES, MAX_COUNT
from mdb.allowance import Allowance
from mdb.core import names, tokens
from mdb.core.errors import (
    AuthUnauthorized,
    BackendUnavailable,
    InvalidRequest,
    NamespaceExists,
    NamespaceNotFound,
    Overloaded,
)
from mdb.core.messages import Append, NamespaceRecord, Outcome
from mdb.elsewhere import Elsewhere
from mdb.metrics import Metrics
from mdb.namespace import DEFAULT, Namespace
from mdb.stores.base import OpenError, Store
from mdb.writing import Actors, QueueBounds

T = TypeVar("T")

# Namespaces that may be written to at the same time: one actor and one write connection each.
MAX_WRITERS = 256

# Seconds without a write after which a namespace's actor and connection are given back.
IDLE_TIMEOUT = 60.0

# Tokens remembered, and look-ups of unknown ones that reach the database in a second: random
# tokens must not become its load.
MAX_TOKENS = 100_000
MAX_UNKNOWN_PER_SECOND = 200

# Seconds that replacing a token may take, and is not left half-way by a cancellation.
ROTATE_LIMIT = 30.0

# Seconds between two looks for what others wrote to the same database.
POLL_INTERVAL = 0.5

# Seconds a stopping database gives its actors to write what they were given.
DRAIN_LIMIT = 10.0


class NewNamespace(msgspec.Struct, frozen=True):
    """What a namespace is created with. `token` None: one is made."""

    id: str
    description: str | None = None
    metadata: bytes | None = None
    token: str | None = None


class Database:
    """The namespaces of one store. Get one from `open_database` (`mdb.open`)."""

    def __init__(self, store: Store, queue: QueueBounds) -> None:
        """Made by `open_database`."""
        self.store = store
        self._queue = queue
        self.draining = False
        self.metrics = Metrics()
        self.sweep = actors.Sweep()
        self._namespaces: dict[str, Namespace] = {}
        self._tokens: dict[bytes, Namespace] = {}
        self._revocations = 0
        self._unknown = Allowance(MAX_UNKNOWN_PER_SECOND)
        self._deleted: set[str] = set()
        self._actors: Actors = actors.Registry(
            lambda incarnation: self._namespaces[incarnation].actor(),
            max_alive=MAX_WRITERS,
            idle_timeout=IDLE_TIMEOUT,
            on_give_up=self.metrics.actor_gave_up,
        )

    # Namespaces

    def _of(self, record: NamespaceRecord) -> Namespace:
        known = self._namespaces.get(record.incarnation)
        if known is None:
            store = self.store.namespace(record)
            known = Namespace(
                record, store, self._actors, self._queue, self.metrics, sweep=self.sweep
            )
            self._namespaces[record.incarnation] = known
            if self.draining:
                known.feed.hub.close("draining")
        return known

    async def namespace(self, namespace: str = DEFAULT) -> Namespace:
        """Return a namespace by its id. Raises `NamespaceNotFound`.

        The default one always exists: where no server has made it yet it is made now, without a
        token. The first server then makes one and shows it.
        """
        names.check_namespace_id(namespace, "namespace")
        record = await self._current(lambda: self.store.find_namespace(namespace))
        if record is None and namespace == DEFAULT:
            record = await self._create_default()
        if record is None:
            raise NamespaceNotFound(f"namespace {namespace} not found")
        return self._of(record)

    async def _current(self, look_up: Callable[[], Awaitable[T]]) -> T:
        """Look up what no deletion or rotation made untrue while the answer was on its way."""
        while True:
            before = self._revocations
            found = await look_up()
            if before == self._revocations:
                return found

    async def _create_default(self) -> NamespaceRecord | None:
        try:
            return await self.store.create_namespace(DEFAULT, token_digest=tokens.NO_TOKEN)
        except NamespaceExists:
            # Someone else made it in the meantime.
            return await self.store.find_namespace(DEFAULT)

    async def create_namespace(self, new: NewNamespace) -> tuple[Namespace, str]:
        """Create a namespace; return it with its token. Raises `NamespaceExists`."""
        names.check_namespace_id(new.id, "namespace")
        token = new.token if new.token is not None else tokens.make(new.id)
        record = await self.store.create_namespace(
            new.id,
            token_digest=tokens.parse(token).digest,
            description=new.description,
            metadata=new.metadata,
        )
        return self._of(record), token

    async def delete_namespace(
        self, namespace: str, *, incarnation: str | None = None
    ) -> tuple[int, int]:
        """Delete a namespace and all it holds; return the time and how many messages went.

        `incarnation`: this one only, not a namespace made anew under its id. Its subscribers
        are told, and writes that wait are refused. Raises `NamespaceNotFound`, and
        `InvalidRequest` for the default namespace and for one whose schema was adopted.
        """
        if namespace == DEFAULT:
            raise InvalidRequest("the namespace default cannot be deleted")
        found = await self.namespace(namespace)
        if found.gone or incarnation not in (None, found.record.incarnation):
            raise NamespaceNotFound(f"namespace {namespace} not found")
        if found.record.adopted:
            raise InvalidRequest(
                f"the namespace {namespace} is in an adopted schema, which is never dropped: "
                f"mdb ns release {namespace} lets go of it"
            )
        # From here on no request reaches it: not by token, and not by a token checked before.
        self._forget_tokens(found)
        self._deleted.add(namespace)
        found.gone = True
        try:
            await self._actors.remove(found.record.incarnation)
            return await self.store.delete_namespace(found.record)
        finally:
            self._distrust()
            self._forget(found)

    def was_deleted(self, namespace: str) -> bool:
        """Whether a namespace of this id was deleted, or began to be, since the database opened."""
        return namespace in self._deleted

    def opened(self) -> Sequence[Namespace]:
        """Return the namespaces that were used since the database was opened. No I/O."""
        return list(self._namespaces.values())

    def writers(self) -> Sequence[actors.GroupCommitActor[Append, Outcome]]:
        """Return the actors that run now. No I/O."""
        return self._actors.actors()

    # Tokens

    def known(self, token: str) -> Namespace | None:
        """Return the namespace of a token that was seen before. Sync: every request's first try."""
        return self._tokens.get(tokens.digest(token))

    async def authenticate(self, token: str, *, bounded: bool = True) -> Namespace:
        """Return a token's namespace.

        `bounded`: only so many unknown tokens a second are looked up. Raises `AuthInvalidToken`
        (not of the form), `AuthUnauthorized` (unknown, rotated, of a deleted namespace),
        `Overloaded` where too many unknown ones were tried.
        """
        digest = tokens.parse(token).digest
        known = self._tokens.get(digest)
        if known is not None:
            return known
        if bounded and not self._unknown.left():
            raise Overloaded("too many unknown tokens", retry_after=1)
        found = await self._current(lambda: self.store.find_token(digest))
        if found is None or not tokens.same_digest(found[0], digest):
            self._unknown.spend()
            raise AuthUnauthorized("the token is not known")
        namespace = self._of(found[1])
        if namespace.gone:  # its deletion has begun
            raise AuthUnauthorized("the token is not known")
        before = namespace.known_by
        if before is not None and before != digest:
            # Whom a token that was replaced elsewhere has let in is told now, and not, when that is
            # noticed, who comes with this one.
            replaced = await self.store.find_token(before) is None
            if namespace.known_by == before:
                namespace.known_by = digest
                if replaced:
                    self._revoke(namespace)
            return await self.authenticate(token, bounded=bounded)
        namespace.known_by = digest
        if len(self._tokens) >= MAX_TOKENS:
            self._tokens.pop(next(iter(self._tokens)))
        self._tokens[digest] = namespace
        return namespace

    async def rotate_token(self, namespace: str, *, incarnation: str | None = None) -> str:
        """Replace a namespace's token by a new one and return that; the old one stops at once.

        `incarnation`: as for `delete_namespace`. All the namespace's subscriptions end ("gone"):
        whoever has the new token comes back. Raises `NamespaceNotFound`, and `BackendUnavailable`,
        after which either may be in force. Cancelled, it is finished first.
        """
        found = await self.namespace(namespace)
        if incarnation not in (None, found.record.incarnation):
            raise NamespaceNotFound(f"namespace {namespace} not found")
        token = tokens.make(namespace)
        try:
            with trio.move_on_after(ROTATE_LIMIT, shield=True) as limit:
                await self.store.set_token(found.record, tokens.parse(token).digest)
        finally:
            # After a fault, too: what is still good is found again, what is not must be gone.
            self._forget_tokens(found)
        if limit.cancelled_caught:
            raise BackendUnavailable("the database did not answer in time")
        self._revoke(found)
        return token

    def _distrust(self) -> None:
        """Have what is being looked up asked again: it may be untrue by now."""
        self._revocations += 1

    def _revoke(self, namespace: Namespace) -> None:
        """Let no token of a namespace in any more before it was looked up; end subscriptions."""
        self._forget_tokens(namespace)
        namespace.revoked += 1
        namespace.feed.hub.end_subscriptions("gone")

    def _bury(self, namespace: Namespace) -> None:
        """Take in that a namespace was deleted by another server."""
        self._forget_tokens(namespace)
        namespace.gone = True
        self._deleted.add(namespace.id)
        self._forget(namespace)
        self.store.forget(namespace.record)

    def _forget(self, namespace: Namespace) -> None:
        """Let go of a namespace that is no more; its subscriptions end."""
        if self._namespaces.pop(namespace.record.incarnation, None) is not None:
            self.metrics.retire(namespace.feed.hub.statistics())
        namespace.feed.hub.close("gone")

    def _forget_tokens(self, namespace: Namespace) -> None:
        self._distrust()
        namespace.known_by = None
        for digest in [d for d, n in self._tokens.items() if n is namespace]:
            del self._tokens[digest]

    async def ensure_default(self, token: str | None = None) -> tuple[str | None, bool]:
        """Make sure that the default namespace exists, with `token` if one is given.

        Returns the token where it was made now (to be shown once), and whether another token
        was replaced. `token` must be well-formed and name `default`: `AuthInvalidToken`,
        `InvalidRequest`.
        """
        if token is not None and tokens.parse(token).namespace != DEFAULT:
            raise InvalidRequest("the token names another namespace than default")
        record = await self.store.find_namespace(DEFAULT)
        if record is None:
            try:
                _namespace, made = await self.create_namespace(NewNamespace(DEFAULT, token=token))
            except NamespaceExists:
                # Another server made it in the meantime.
                return await self.ensure_default(token)
            return (made if token is None else None), False
        has_token = await self.store.find_token(tokens.NO_TOKEN) is None
        if token is None:
            made, none = tokens.make(DEFAULT), tokens.NO_TOKEN
            # Of servers that start together only one makes a token that is shown.
            done = not has_token and await self.store.set_token(
                record, tokens.digest(made), instead_of=none
            )
            return (made if done else None), False
        digest = tokens.parse(token).digest
        if await self.store.find_token(digest) is not None:
            return None, False
        self._forget_tokens(self._of(record))
        await self.store.set_token(record, digest)
        return None, has_token

    async def withdraw_default(self, token: str) -> None:
        """Take back a token that `ensure_default` made and nobody was shown: the next makes one."""
        record = await self.store.find_namespace(DEFAULT)
        if record is not None:
            digest = tokens.digest(token)
            await self.store.set_token(record, tokens.NO_TOKEN, instead_of=digest)

    # The end

    def drain(self) -> None:
        """Begin to stop: subscriptions end. Writes that are queued are still carried out."""
        self.draining = True
        for namespace in self._namespaces.values():
            namespace.feed.hub.close("draining")

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Run the actors, and learn of what others do; for `open_database`."""
        elsewhere = Elsewhere(
            self._namespaces,
            self._tokens,
            distrust=self._distrust,
            revoke=self._revoke,
            bury=self._bury,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.store.watch, elsewhere)
            await self._actors.run(task_status=task_status)
            nursery.cancel_scope.cancel()

    async def aclose(self) -> None:
        """End the subscriptions, let the actors finish, bounded by `DRAIN_LIMIT` seconds."""
        self.drain()
        with trio.move_on_after(DRAIN_LIMIT + 5, shield=True):
            await self._actors.close(DRAIN_LIMIT)


@asynccontextmanager
async def open_database(
    url: str,
    *,
    poll_interval: float = POLL_INTERVAL,
    listen_url: str | None = None,
    listen: bool = True,
    max_queue: int = MAX_COUNT,
    max_queue_bytes: int = MAX_BYTES,
    adopt: bool = False,
) -> AsyncGenerator[Database]:
    """Open a database for as long as the block runs; close it in order at its end.

    `url`: `sqlite:///data` (a data directory, relative; `sqlite:////var/lib/mdb` absolute),
    `sqlite://:memory:`, or `postgresql://user@host:5432/name` (several hosts, and the options that
    the driver knows, are allowed).

    How long it may take until subscribers hear of what others write to the same Postgres:
    `poll_interval`, seconds, above 0. They hear sooner of what other servers write: `listen_url` is
    where to listen for that, if not at `url` (behind a transaction pooler, a direct address);
    `listen` False leaves it to polling.

    `max_queue`, `max_queue_bytes`: writes that may wait in a namespace's queue, and the bytes of
    them together; beyond them writes are refused (`Overloaded`).

    `adopt`: a Message DB in the place of a default namespace that is still to be made is served as
    that, in place. Without it, it is `NotAdopted` (an `OpenError`), and nothing is touched.

    Raises `OpenError` with one line for the operator, `InvalidRequest` for a URL it does not know.
    Cancelled, it still closes in order, within its limits.
    """
    async with (
        _opener(url, poll_interval, listen_url, listen=listen, adopt=adopt)() as store,
        trio.open_nursery() as nursery,
    ):
        database = Database(store, QueueBounds(max_queue, max_queue_bytes))
        await nursery.start(database.run)
        try:
            yield database
        finally:
            await database.aclose()
            nursery.cancel_scope.cancel()


def _opener(
    url: str, poll_interval: float, listen_url: str | None, *, listen: bool, adopt: bool
) -> Callable[[], AbstractAsyncContextManager[Store]]:
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        from mdb.stores import sqlite  # noqa: PLC0415  (only the driver that is used is loaded)

        if url == "sqlite://:memory:":
            return lambda: sqlite.open_store(None)
        if parts.netloc or parts.query or parts.fragment or not parts.path.strip("/"):
            raise OpenError(
                f"database URL {url}: expected sqlite:///DIRECTORY or sqlite://:memory:"
            )
        return lambda: sqlite.open_store(Path(unquote(parts.path[1:])))
    if parts.scheme in {"postgresql", "postgres"}:
        try:
            from mdb.stores import postgres  # noqa: PLC0415
        except ImportError as exc:
            raise OpenError(str(exc)) from exc
        watching = postgres.Watching(poll_interval, listen_url, listen)
        return lambda: postgres.open_store(url, watching, adopt=adopt)
    raise OpenError(f"database URL: unknown scheme {parts.scheme!r}; expected sqlite or postgresql")
