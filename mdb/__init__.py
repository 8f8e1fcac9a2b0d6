"""mdb: an event store in the Message DB family, to embed in a trio program or to serve over HTTP.

async with mdb.open("sqlite:///data") as db:
    ns = await db.namespace("default")
    await ns.write("account-123", "Deposited", {"amount": 5})
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdb.version import VERSION as __version__

if TYPE_CHECKING:
    from mdb.app import serve
    from mdb.appending import Appender
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

# A module and the names that come from it, loaded when one of them is first used: the command line
# is made of this package too, and most commands need neither the event loop nor a database.
_NAMES = {
    "mdb.app": "serve",
    "mdb.appending": "Appender",
    "mdb.core.errors": (
        "AuthInvalidToken AuthRequired AuthUnauthorized BackendError BackendUnavailable "
        "DeadlinePassed InvalidRequest MdbError MessageIdConflict NamespaceExists "
        "NamespaceNotFound Overloaded PayloadTooLarge StreamVersionConflict WriteUncertain"
    ),
    "mdb.core.messages": "CategoryInfo Poke",
    "mdb.database": "Database NewNamespace",
    "mdb.follow": "Ended",
    "mdb.message": "CategoryMessage Message StreamMessage StreamSummary WriteResult",
    "mdb.namespace": "Namespace Subscription",
    "mdb.settings": "Settings",
    "mdb.stores.base": "OpenError",
}
_PLACES = {
    "open": ("mdb.database", "open_database"),
    **{name: (module, name) for module, names in _NAMES.items() for name in names.split()},
}


def __getattr__(name: str) -> object:
    """Load a name of the embedding API."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  (not of the API)

    module, inside = _PLACES[name]
    found: object = getattr(import_module(module), inside)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the embedding API, loaded or not."""
    return sorted({*globals(), *__all__})


__all__ = [
    "Appender",
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
