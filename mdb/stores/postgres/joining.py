"""Writing inside a transaction that is somebody else's: one open on a connection of the caller's.

Nothing is assumed of the connection but that it is the driver's: its codecs and its settings are
the caller's, so values go in as texts and are cast in the statement. Nothing is begun and nothing
ended here. An error of the database leaves the transaction aborted, as any other statement's would;
a conflict is an outcome, after which the transaction can go on.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from mdb.core.errors import AuthUnauthorized, InvalidRequest
from mdb.core.messages import Append, NamespaceRecord, Outcome, Written
from mdb.stores.postgres.session import Driver
from mdb.stores.postgres.sql import NamespaceQueries, quoted, registry_query
from mdb.stores.postgres.writes import function_of, outcomes_of


async def join(
    record: NamespaceRecord, queries: NamespaceQueries, connection: Driver, append: Append
) -> Outcome:
    """Decide and write one write in the transaction that is open on a connection.

    From here to that transaction's end the namespace's lock is held, and the namespace cannot be
    deleted. Servers are told by a notification of that transaction: Postgres delivers it when, and
    only when, it commits.

    Raises `InvalidRequest` where no transaction is open, or not one of READ COMMITTED, or the
    namespace is not in that database; `AuthUnauthorized` where it was deleted; the driver's errors.
    """
    if not connection.is_in_transaction():
        raise InvalidRequest("no transaction is open on the connection")
    found = await connection.fetchrow(
        registry_query("join_settings"), f"{quoted(record.location)}.messages"
    )
    if found["isolation"] != "read committed":
        # A snapshot that is older than the lock shows versions that are history.
        raise InvalidRequest(
            f"the transaction is {found['isolation']}: writing needs read committed"
        )
    if not found["present"]:
        raise InvalidRequest(
            f"namespace {record.id} is not in the connection's database: it is another one than "
            "the namespace's, or the namespace was deleted"
        )
    # In a statement of its own: a deletion that it waited for is seen.
    if not await connection.fetchval(registry_query("namespace_hold"), record.incarnation):
        raise AuthUnauthorized("the namespace was deleted")
    name, arguments = function_of([append], look_up=False)
    row = await connection.fetchrow(queries[f"join_{name}"], *map(_as_text, arguments))
    [outcome] = outcomes_of([append], row)
    if isinstance(outcome, Written) and not outcome.repeated:
        await connection.fetchval(registry_query("notify"), [record.location])
    return outcome


def _as_text(value: Any) -> Any:  # noqa: ANN401  (whatever a query takes)
    match value:
        case list():
            return [_as_text(item) for item in value]
        case UUID():
            return str(value)
        case bytes():
            return value.decode()
    return value
