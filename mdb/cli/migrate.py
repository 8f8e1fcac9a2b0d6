"""Migrations alone, without a server."""

from __future__ import annotations

from mdb.cli.output import write_lines
from mdb.database import open_database


async def migrate_all(url: str, *, as_json: bool) -> None:
    """Migrate the registry and every namespace, and print what was done.

    Each migration is a transaction: cancelled or repeated, it leaves nothing half done. Raises
    `OpenError`.
    """
    # Opening brings the registry up to date.
    async with open_database(url) as database:
        changed = await database.store.migrate_namespaces()
    text = f"The schema is up to date; namespaces migrated: {changed}."
    write_lines([f'{{"migrated":{changed}}}' if as_json else text])
