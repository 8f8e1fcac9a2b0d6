"""Migrations: what is there, what was applied, and what remains to be done.

A migration is a folder `migrations/<backend>/<metadata|namespace>/NNN_slug/` of `.sql` files, one
object a file, run in the order of their names. The scope `adopted` (of Postgres) is made of the
namespaces' migrations, see `_of_adopted`. Each database keeps a table `schema_migrations`
with version, name, checksum and time. This module decides; the stores read that table, take the
lock, and run the scripts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

Backend: TypeAlias = Literal["sqlite", "postgres"]
Scope: TypeAlias = Literal["metadata", "namespace", "adopted"]

# A script that creates its object where this server's functions are, not where the messages are.
_OF_FUNCTIONS = re.compile(r"^create (or replace )?(function|type) \{functions\}\.", re.MULTILINE)


class MigrationError(Exception):
    """The schema of a database does not fit this program."""


class NewerSchemaError(MigrationError):
    """The database was migrated by a newer mdb than this one."""


class ChangedMigrationError(MigrationError):
    """A migration that the database holds is not the one that this program ships."""


class Migration(msgspec.Struct, frozen=True):
    """One step of a schema. `checksum`: SHA-256 over its files' names and texts, in hex."""

    version: int
    name: str
    checksum: str
    scripts: tuple[tuple[str, str], ...]


class Applied(msgspec.Struct, frozen=True):
    """A row of `schema_migrations`."""

    version: int
    name: str
    checksum: str


def _root() -> Traversable:
    packaged = resources.files("mdb").joinpath("migrations")
    if packaged.is_dir():
        return packaged
    # A checkout keeps them beside the package; a wheel carries them inside it.
    return Path(__file__).resolve().parents[2] / "migrations"


@cache
def available(backend: Backend, scope: Scope) -> tuple[Migration, ...]:
    """Return the migrations that this program ships, by version, which counts from 1 gapless."""
    if scope == "adopted":
        return _of_adopted(backend)
    found = tuple(_migration(name, files) for name, files in _folders(backend, scope).items())
    if [m.version for m in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"migrations/{backend}/{scope}: the versions do not count from 1")
    return found


def _of_adopted(backend: Backend) -> tuple[Migration, ...]:
    """Make the migrations of what serves an adopted schema, in a schema beside it.

    They are those of a namespace, with those of their files that create something in the schema of
    functions. A file under `adopted` replaces the one of the same name, or comes on top; one that
    is nothing but a comment says why there is none.
    """
    own = _folders(backend, "adopted")
    found = []
    for name, files in _folders(backend, "namespace").items():
        kept = {file: text for file, text in files.items() if _OF_FUNCTIONS.search(text)}
        kept |= own.pop(name, {})
        found.append(_migration(name, {f: t for f, t in kept.items() if not _is_comment(t)}))
    if own:
        raise MigrationError(f"migrations/{backend}/adopted: no namespace's has {', '.join(own)}")
    return tuple(found)


def _is_comment(text: str) -> bool:
    return all(line.startswith("--") for line in text.splitlines() if line.strip())


def _folders(backend: Backend, scope: Scope) -> dict[str, dict[str, str]]:
    """Read a scope's folders in order: the name of each, and its files' names and texts."""
    folder = _root().joinpath(backend, scope)
    steps = sorted((f for f in folder.iterdir() if f.is_dir()), key=lambda f: f.name)
    return {
        step.name: {
            f.name: f.read_text(encoding="utf-8") for f in step.iterdir() if f.name.endswith(".sql")
        }
        for step in steps
    }


def _migration(folder: str, files: Mapping[str, str]) -> Migration:
    number, _, slug = folder.partition("_")
    scripts = tuple(sorted(files.items()))
    digest = hashlib.sha256()
    for name, text in scripts:
        for part in (name, text):
            encoded = part.encode()
            # Lengths go in first, so that no two lists of files share a text to hash.
            digest.update(len(encoded).to_bytes(8, "big"))
            digest.update(encoded)
    return Migration(int(number), slug, digest.hexdigest(), scripts)


def pending(
    shipped: Sequence[Migration], applied: Sequence[Applied], where: str
) -> Sequence[Migration]:
    """Return what is still to be applied to the database that `where` names.

    Raises `NewerSchemaError` where it holds a version that this program does not know, and
    `ChangedMigrationError` where one that it holds differs from the one that is shipped.
    """
    known = {m.version: m for m in shipped}
    for row in sorted(applied, key=lambda r: r.version):
        migration = known.get(row.version)
        if migration is None:
            raise NewerSchemaError(
                f"{where} has schema version {row.version} ({row.name}); this mdb knows versions "
                f"up to {len(shipped)}: run a newer mdb"
            )
        if migration.checksum != row.checksum:
            raise ChangedMigrationError(
                f"{where}: migration {row.version} ({row.name}) was applied with checksum "
                f"{row.checksum[:12]}, but this mdb ships {migration.checksum[:12]}: "
                "a migration must not be changed once it was applied"
            )
    done = {row.version for row in applied}
    return [m for m in shipped if m.version not in done]
