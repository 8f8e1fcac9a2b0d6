"""The Postgres store."""

import sys

try:
    import trio_asyncio as _trio_asyncio  # noqa: F401
except ImportError as exc:
    # 0.16, for one, cannot be imported on Python 3.14: asyncio no longer has what it builds on.
    _version = ".".join(map(str, sys.version_info[:2]))
    raise ImportError(
        f"Postgres cannot be used on Python {_version}: trio-asyncio, the bridge to its driver, "
        f"does not run there ({exc})"
    ) from exc

from mdb.stores.postgres.store import PostgresStore, open_store
from mdb.stores.postgres.watch import Watching

__all__ = ["PostgresStore", "Watching", "open_store"]
