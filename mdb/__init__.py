"""mdb: an event store in the Message DB family, to embed in a trio program or to serve over HTTP.

async with mdb.open("sqlite:///data") as db:
    ns = await db.namespace("default")
    await ns.write("account-123", "Deposited", {"amount": 5})
"""

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
from mdb.core.messages import Poke
from mdb.database import Database, NewNamespace
from mdb.database import open_database as open  # noqa: A004  (mdb.open reads as what it does)
from mdb.follow import Ended
from mdb.message import CategoryMessage, StreamMessage, WriteResult
from mdb.namespace import Namespace, Subscription
from mdb.stores.base import OpenError
from mdb.version import VERSION as __version__

__all__ = [
    "AuthInvalidToken",
    "AuthRequired",
    "AuthUnauthorized",
    "BackendError",
    "BackendUnavailable",
    "CategoryMessage",
    "Database",
    "DeadlinePassed",
    "Ended",
    "InvalidRequest",
    "MdbError",
    "MessageIdConflict",
    "Namespace",
    "NamespaceExists",
    "NamespaceNotFound",
    "NewNamespace",
    "OpenError",
    "Overloaded",
    "PayloadTooLarge",
    "Poke",
    "StreamMessage",
    "StreamVersionConflict",
    "Subscription",
    "WriteResult",
    "WriteUncertain",
    "__version__",
    "open",
]
