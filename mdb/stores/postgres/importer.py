"""`Importer` for Postgres: a session of its own, who waits for the move, and what errors mean."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager

from mdb.core.errors import WriteUncertain
from mdb.core.messages import Part, StoredMessage
from mdb.stores.postgres import staging
from mdb.stores.postgres.faults import Lost, reading
from mdb.stores.postgres.pool import Hired, Pool
from mdb.stores.postgres.sql import NamespaceQueries

# Seconds for staging one page, and for moving everything in: some 10 microseconds a message.
STAGE_LIMIT = 60.0
MOVE_LIMIT = 3600.0

# Seconds to find out what became of a move whose connection broke.
SETTLE_LIMIT = 15.0


class PostgresImporter:
    """One import, on the session that it hired."""

    def __init__(
        self,
        pool: Pool,
        hired: Hired,
        queries: NamespaceQueries,
        moving: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """`moving`: a block during which this server's own writes wait."""
        self._pool = pool
        self._hired = hired
        self._queries = queries
        self._moving = moving

    async def stage(self, messages: Sequence[tuple[int, StoredMessage]]) -> None:
        """Stage messages. See `Importer.stage`."""
        with reading():
            await self._hired.call(staging.stage, self._queries, messages, limit=STAGE_LIMIT)

    async def move(self, part: Part | None = None) -> None:
        """Move them in. See `Importer.move`."""
        attempt = staging.MoveAttempt()
        with self._moving(), reading():
            try:
                await self._hired.call(
                    staging.move, self._queries, attempt, part, MOVE_LIMIT, limit=MOVE_LIMIT
                )
            except Lost as exc:
                if attempt.sent and await self._stands(attempt):  # noqa: ASYNC120  (cancelled, the cancellation is what is raised)
                    return
                raise Lost(f"nothing was imported: {exc}") from exc

    async def _stands(self, attempt: staging.MoveAttempt) -> bool:
        try:
            return await self._pool.run(
                "write",
                staging.stands,
                self._queries,
                attempt,
                schema=self._queries.schema,
                limit=SETTLE_LIMIT,
            )
        except Exception as exc:
            raise WriteUncertain(
                (), "the connection was lost while the import was committed"
            ) from (exc)


@asynccontextmanager
async def importing(
    pool: Pool,
    queries: NamespaceQueries,
    moving: Callable[[], AbstractContextManager[None]],
    ready: Callable[[], Awaitable[object]],
) -> AsyncGenerator[PostgresImporter]:
    """Stage for as long as the block runs. See `NamespaceStore.begin_import`.

    `ready`: makes sure that the namespace's schema is there and up to date.
    """
    with reading():
        await ready()
        hired = await pool.hire()
    try:
        with reading():
            await hired.call(staging.prepare, queries, limit=STAGE_LIMIT)
        yield PostgresImporter(pool, hired, queries, moving)
    finally:
        # The tables go with the session, and a move that is under way is rolled back.
        hired.dismiss()
