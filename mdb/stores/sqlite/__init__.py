"""The SQLite store."""

from mdb.stores.sqlite.store import SqliteStore, open_store

__all__ = ["SqliteStore", "open_store"]
