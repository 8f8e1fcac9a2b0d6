"""mdb: an event store in the Message DB family, to embed in a trio program or to serve over HTTP.

async with mdb.open("sqlite:///data") as db:
    ns = await db.namespace("default")
    await ns.write("account-123", "Deposited", {"amount": 5})
"""

import trio

from mdb.core.errors import (
    AuthInvalidToken,
    AuthRequired,
    AuthUnauthorized,
    BackendError,
    BackendUnavailable,
    DeadlinePassed,
    InvalidRequest,
    MdbError,
    MessageIdConflict,
    NamespaceExists,
    NamespaceNotFound,
    Overloaded,
    PayloadTooLarge,
    StreamVersionConflict,
    WriteUncertain,
)
from mdb.core.messages import CategoryInfo, Poke
from mdb.database import Database, NewNamespace
from mdb.database import open_database as open  # noqa: A004  (mdb.open reads as what it does)
from mdb.follow import Ended
from mdb.message import CategoryMessage, Message, StreamMessage, StreamSummary, WriteResult
from mdb.namespace import Namespace, Subscription
from mdb.settings import Settings
from mdb.stores.base import OpenError
from mdb.version import VERSION as __version__


async def serve(
    database: Database | str,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    settings: Settings | None = None,
    draining: trio.Event | None = None,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an open database, or one to be opened, over HTTP, until `draining` is set.

    Start it in a nursery: `port = await nursery.start(mdb.serve, db)`. See `mdb.app.serve`.
    """
    from mdb.app import serve as serve_http  # noqa: PLC0415  (who embeds without HTTP loads none)

    await serve_http(
        database,
        host=host,
        port=port,
        settings=settings,
        draining=draining,
        task_status=task_status,
    )


__all__ = [
    "AuthInvalidToken",
    "AuthRequired",
    "AuthUnauthorized",
    "BackendError",
    "BackendUnavailable",
    "CategoryInfo",
    "CategoryMessage",
    "Database",
    "DeadlinePassed",
    "Ended",
    "InvalidRequest",
    "MdbError",
    "Message",
    "MessageIdConflict",
    "Namespace",
    "NamespaceExists",
    "NamespaceNotFound",
    "NewNamespace",
    "OpenError",
    "Overloaded",
    "PayloadTooLarge",
    "Poke",
    "Settings",
    "StreamMessage",
    "StreamSummary",
    "StreamVersionConflict",
    "Subscription",
    "WriteResult",
    "WriteUncertain",
    "__version__",
    "open",
    "serve",
]
