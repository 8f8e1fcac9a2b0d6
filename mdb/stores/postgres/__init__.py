"""The Postgres store."""

try:
    import trio_asyncio as _trio_asyncio  # noqa: F401
except ImportError as exc:  # pragma: no cover  (depends on the Python that runs)
    raise ImportError(
        f"the Postgres store needs trio-asyncio, which cannot be imported here: {exc}"
    ) from exc

from mdb.stores.postgres.store import PostgresStore, open_store
from mdb.stores.postgres.watch import Watching

__all__ = ["PostgresStore", "Watching", "open_store"]
