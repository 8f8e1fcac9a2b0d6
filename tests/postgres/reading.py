"""Runs the store's named queries in a test's namespace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.fixtures.postgres import Connection
from tests.fixtures.postgres_schema import fill

QUERIES = Path(__file__).parents[2] / "mdb" / "stores" / "postgres" / "queries"


def query(name: str) -> str:
    return fill((QUERIES / f"{name}.sql").read_text("utf-8"), "message_store")


async def page(conn: Connection, name: str, *args: Any) -> list[tuple[int, list[Any]]]:
    """The rows of a page query: the cursor, and the message parsed."""
    rows = await conn.fetch(query(name), *args)
    return [(row["cursor"], json.loads(row["message"])) for row in rows]


async def pokes(conn: Connection, name: str, *args: Any) -> list[tuple[str, int, int]]:
    return [tuple(row) for row in await conn.fetch(query(name), *args)]
