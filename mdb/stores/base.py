"""What a store offers, whatever its database: the two ports that SQLite and Postgres implement.

`tests/contract` is the executable form of this page: every store passes it.

Errors: `BackendUnavailable` where the database cannot be reached (nothing was written),
`BackendError` for its other faults, always without internals in the message and with the
driver's error as `__cause__`. Reads may be cancelled at any time and leave nothing behind.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from actors import Deferred
from mdb.core.messages import (
    Append,
    CategoryInfo,
    ExportPage,
    Follow,
    NamespaceRecord,
    NamespaceStats,
    Outcome,
    Page,
    Part,
    PokePage,
    Query,
    Selection,
    StoredMessage,
    StreamInfo,
)

# A page ends after the row that takes it past this many bytes, however many rows were asked for:
# what a read holds in memory at a time.
PAGE_BYTES = 1 << 20

# How many global positions one read of notices may cover.
POKES_WINDOW = 100_000


class OpenError(Exception):
    """A store can't be opened. The message is one line for the operator."""


class NotAdopted(OpenError):
    """There are messages of somebody else where the default namespace's should be."""


class StoreStatistics(msgspec.Struct, frozen=True):
    """What `Store.statistics` returns.

    `connections`: open ones; `waiting`: calls that wait for one.
    """

    connections: int
    waiting: int = 0


class Importer(Protocol):
    """Messages on their way in: staged beside the namespace, then moved into it at once.

    Used by one task. Errors that lie in a message carry its number in `details["line"]`.
    """

    async def stage(self, messages: Sequence[tuple[int, StoredMessage]]) -> None:
        """Take in the next messages, each with its line's number; nobody sees them yet.

        Their global positions rise, over all calls. Raises `PositionExists` where a stream does
        not go on without a gap from what was staged of it before.
        """

    async def move(self, part: Part | None = None) -> None:
        """Put all that was staged into the namespace, in one transaction; durable on return.

        With a `part` the same transaction closes the namespace to everybody else's writes, or
        opens it again after the last; it may hold no message. Without one, `Overloaded` where the
        namespace is closed.

        The namespace's writes wait meanwhile, and new ones go above the highest position moved.
        Raises `PositionExists` where the first position does not lie above the namespace's head
        or a stream stands elsewhere than its first message goes on, or the namespace ends elsewhere
        than the part says, `MessageIdConflict` for an id
        that is stored or staged twice, after which nothing was moved; `WriteUncertain` where that
        could not be found out. Cancelled, everything was moved or nothing.
        """


Joining: TypeAlias = Callable[[Any, Append], Awaitable[Outcome]]
"""Writes one `Append` on a connection of the caller's driver, in the transaction open there.

On the driver's own event loop. Nobody sees it and no one is told before that transaction commits.
Raises `InvalidRequest`, `AuthUnauthorized`, and what the driver raises.
"""


class NamespaceStore(Protocol):
    """One namespace's messages.

    The write side (`open`, `commit`, `settle`, `release`, `close`) belongs to the namespace's
    actor alone and is what `actors.Store` asks for. The reads may be called by any task, at any
    time, whether the write side is open or not, and see every write already answered.
    """

    record: NamespaceRecord

    @property
    def ordered(self) -> bool:
        """Whether messages become visible in the order of their global positions, come what may."""
        ...

    @property
    def begin(
        self,
    ) -> Callable[[Sequence[Append]], Awaitable[Sequence[Outcome | Deferred]] | None] | None:
        """Begin a `commit` from another task's turn, see `actors.Early`; None if there is no such.

        Called while nothing else of the write side is under way. Sync, raises nothing. What it
        returns is awaited by the actor, once; None: it had to wait first, and nothing was done.
        """
        ...

    async def open(self) -> None:
        """Make the write side ready. Raises `actors.Unavailable`."""

    async def commit(self, questions: Sequence[Append]) -> Sequence[Outcome | Deferred]:
        """Write the batch in one transaction; each `Append` has its own outcome.

        `actors.DEFERRED` for one that must wait for somebody else's lock: it is tried again.

        Durable when it returns. Raises `actors.Unavailable` (nothing was written, nor will be),
        `actors.OutcomeUnknown` (it may stand or come to stand), or another error after which
        nothing of the batch was written and which lies in what the batch holds.
        """
        ...

    async def settle(self, questions: Sequence[Append]) -> Sequence[Outcome | None]:
        """After a commit whose outcome is unknown: what stands of each; `None`: not written."""
        ...

    async def release(self) -> None:
        """Give back what an idle actor need not hold. The next `commit` takes it again."""

    async def close(self) -> None:
        """Close the write side. Bounded in time, never raises, may be called twice."""

    async def read(self, query: Query, limit: int) -> Page:
        """Read one page of at most `limit` messages (1 to 10,000) and about `PAGE_BYTES`.

        A page holds at least one message where there is one. `Page.more` is false only where
        nothing further matched when the page was read.
        """
        ...

    async def last(self, stream: str, message_type: str | None) -> bytes | None:
        """Return the JSON array of the stream's last message (of that type), or None."""
        ...

    async def version(self, stream: str) -> int | None:
        """Return the stream's last position, or None where it has no message."""
        ...

    async def head(self) -> int:
        """Return the highest global position that is visible, 0 for none."""
        ...

    async def settled_head(self) -> int:
        """Return the global position at or below which nothing will become visible any more.

        At most the head, and below it only while somebody who may write below the head has not
        finished yet. What is read of the whole namespace goes this far.
        """
        ...

    def held_back(self, now: float) -> tuple[float, Sequence[int | None]]:
        """Return for how many seconds readers of everything have waited at `now`, and for whom.

        `now` by trio's clock. For whom: pids of the database's sessions that may still write below
        what is visible, None for a prepared transaction. What the watch found last. No I/O.
        """
        ...

    def look_soon(self) -> None:
        """Have the store's watch look at this namespace before its time. Sync."""

    async def pokes(self, follow: Follow, after: int, limit: int) -> PokePage:
        """Return the next notices above global position `after`, at most `limit` of them.

        A read goes at most `POKES_WINDOW` global positions far, so that a filter which matches
        little does not make it long. Without `PokePage.more` it has come to the end: notices of
        everything to the settled head, others, which become visible in order, to the head itself.
        `upto` then is the settled head at the time of the read, the last notice, or `after`,
        whichever is highest.
        """
        ...

    async def export_page(
        self, selection: Selection, after: int, upto: int, limit: int
    ) -> ExportPage:
        """Read the messages of a selection above `after`, up to `upto`, by global position.

        Looks at `limit` messages of the selected categories at most, and stops at `PAGE_BYTES`.
        """
        ...

    def begin_import(self) -> AbstractAsyncContextManager[Importer]:
        """Make a place to stage an import in; at the block's end it is gone, in every case.

        One at a time. What a crash leaves of it is swept when the store is next opened, at the
        latest. Raises `BackendUnavailable`, `BackendError`, `Overloaded`.
        """
        ...

    async def joining(self) -> Joining:
        """Return what writes inside a transaction of somebody's own, in the same database.

        Raises `InvalidRequest` where the database has no such thing, `BackendUnavailable`.
        """
        ...

    async def import_source(self) -> str | None:
        """Return the source of an import in parts that has begun and not ended, or None."""
        ...

    async def message_count(self) -> int:
        """Count the namespace's messages."""
        ...

    async def stats(self) -> NamespaceStats:
        """Count the namespace's messages and streams."""
        ...

    async def streams(self, prefix: str, after: str, limit: int) -> Sequence[StreamInfo]:
        """List streams by code point order of their names, those above `after`."""
        ...

    async def categories(self) -> Sequence[CategoryInfo]:
        """List the categories by name."""
        ...


class Watched(Protocol):
    """Who wants to know what others did to a database: see `Store.watch`.

    All of it is sync and does not raise.
    """

    def followed(self) -> Sequence[NamespaceRecord]:
        """Return the namespaces that somebody follows now."""
        ...

    def advanced(self, record: NamespaceRecord, upto: int) -> None:
        """Hear how far a namespace's settled head is, whoever wrote what is below it."""

    def receded(self, record: NamespaceRecord, upto: int) -> None:
        """Hear that positions above `upto` that were told are of another history than this one."""

    def stirred(self, record: NamespaceRecord) -> None:
        """Hear that something has become visible above the settled head."""

    def in_use(self) -> tuple[Sequence[bytes], Sequence[str]]:
        """Return the digests of tokens and the incarnations that are believed to be good.

        From here on until they were looked up, what is found good may be so no more.
        """
        ...

    def revoked(self, digests: Collection[bytes], incarnations: Collection[str]) -> None:
        """Hear which of them are good no more."""


class Store(Protocol):
    """A database that holds namespaces, their tokens, and their messages.

    Made by an async context manager of its module (`sqlite.open_store`, `postgres.open_store`)
    that migrates the registry first and closes everything at its end.
    """

    backend: Literal["sqlite", "postgres"]

    async def ping(self) -> int:
        """Ask the database something; return how many connections are open."""
        ...

    def statistics(self) -> StoreStatistics:
        """Return the state at this moment. No I/O."""
        ...

    def namespace(self, record: NamespaceRecord) -> NamespaceStore:
        """Return the namespace's store, the same object for the same incarnation. No I/O."""
        ...

    def forget(self, record: NamespaceRecord) -> None:
        """Let go of a namespace that somebody else has deleted. Sync."""

    async def create_namespace(
        self,
        namespace: str,
        *,
        token_digest: bytes,
        description: str | None = None,
        metadata: bytes | None = None,
    ) -> NamespaceRecord:
        """Create a namespace, ready to be written. Raises `NamespaceExists`.

        All of it or nothing: a crash in the middle leaves no namespace.
        """
        ...

    async def delete_namespace(self, record: NamespaceRecord) -> tuple[int, int]:
        """Delete it with all it holds; return the time and how many messages went.

        From the registry's answer on, no token and no name reaches it. A crash in the middle is
        finished by the next start. Raises `NamespaceNotFound` where this incarnation is gone.
        """
        ...

    async def find_namespace(self, namespace: str) -> NamespaceRecord | None:
        """Look a namespace up by its id."""
        ...

    async def find_token(self, digest: bytes) -> tuple[bytes, NamespaceRecord] | None:
        """Look a token up by its SHA-256; return the stored digest and the namespace."""
        ...

    async def list_namespaces(self, limit: int, offset: int) -> Sequence[NamespaceRecord]:
        """List namespaces by code point order of their ids."""
        ...

    async def set_token(
        self, record: NamespaceRecord, digest: bytes, *, instead_of: bytes | None = None
    ) -> bool:
        """Replace the namespace's tokens by one. Raises `NamespaceNotFound` if it is gone.

        `instead_of`: only where this is one of them. Returns whether it was done.
        """
        ...

    async def migrate_namespaces(self) -> int:
        """Bring every namespace to the newest schema; return how many were changed."""
        ...

    async def watch(self, watched: Watched) -> None:
        """Tell `watched` what others do to this database; until cancelled.

        Others are servers and programs that write to it or change its registry. While the database
        cannot be reached, it keeps trying. A store that nobody shares may return at once.
        """
