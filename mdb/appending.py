"""Messages written in the same transaction as the caller's own tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mdb.core.errors import AuthUnauthorized
from mdb.core.messages import Append, Written
from mdb.message import Message, WriteResult
from mdb.stores.base import Joining
from mdb.writing import Writing, append_batch, append_one, append_transaction, checked, results


class Appender:
    """Writes messages of one namespace inside transactions of the caller's own.

    Get one from `Namespace.appender`; it may be used by any number of tasks, on any connections.

    Every method is an asyncio function, as the driver's are: await it where the connection's are
    awaited, from a trio task through `trio_asyncio.aio_as_trio`. `connection` is one of asyncpg's,
    to the namespace's database, with a transaction open (READ COMMITTED). What is written belongs
    to that transaction: it stands, is seen, and is poked when the transaction commits, and never
    was when it rolls back, be it to a savepoint. The positions answered hold once it commits.

    From the first write to the end of the transaction nobody else writes to the namespace: write
    last, then commit. Others wait for 10 s and are then refused (`BackendUnavailable`).

    Cancelled, the statement is cancelled, and Postgres lets the transaction do nothing further but
    roll back.

    Raises:
        InvalidRequest: a bad argument; no transaction is open, or one of another isolation; the
            namespace is not in the connection's database.
        AuthUnauthorized: the namespace was deleted.
        StreamVersionConflict, MessageIdConflict: as elsewhere; nothing of that call was written,
            and the transaction may go on.
        asyncpg.PostgresError: whatever the connection raises; the transaction is then aborted.
    """

    def __init__(self, namespace: Writing, join: Joining) -> None:
        """Made by `Namespace.appender`."""
        self._namespace = namespace
        self._join = join

    async def write(
        self,
        connection: Any,  # noqa: ANN401  (asyncpg's, which is untyped)
        stream: str,
        type: str,  # noqa: A002  (the field's standard name)
        data: Any,  # noqa: ANN401  (any JSON value)
        metadata: dict[str, Any] | None = None,
        *,
        id: str | None = None,  # noqa: A002
        expected_version: int | None = None,
    ) -> WriteResult:
        """Write one message. Arguments as of `Namespace.write`."""
        append = append_one(stream, Message(type, data, metadata, id), expected_version)
        return (await self._append(connection, append))[0]

    async def write_batch(
        self,
        connection: Any,  # noqa: ANN401
        stream: str,
        messages: Iterable[Message],
        *,
        expected_version: int | None = None,
    ) -> list[WriteResult]:
        """Write 1 to 1000 messages to one stream. Arguments as of `Namespace.write_batch`."""
        return await self._append(connection, append_batch(stream, messages, expected_version))

    async def transact(
        self,
        connection: Any,  # noqa: ANN401
        writes: Iterable[tuple[str, Message]],
        *,
        check: Mapping[str, int] | None = None,
    ) -> list[WriteResult]:
        """Write 1 to 1000 messages to any streams. Arguments as of `Namespace.transact`.

        The versions that are judged are those that this transaction sees, its own earlier writes
        included.
        """
        return await self._append(connection, append_transaction(writes, check))

    async def _append(self, connection: Any, append: Append) -> list[WriteResult]:  # noqa: ANN401
        if self._namespace.gone:
            raise AuthUnauthorized("the namespace was deleted")
        written: Written = checked(append, await self._join(connection, append))
        return results(append, written)
