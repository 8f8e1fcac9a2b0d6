"""`mdb backup` and `mdb check`: what is done to a database directly, without its server."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from mdb.cli.failures import Failed, UsageError
from mdb.cli.options import argument, flag, takes_settings
from mdb.cli.output import JSON_HELP, write_json, write_lines, write_table
from mdb.settings import SETTINGS, load
from mdb.settings.definition import MEMORY_URL
from mdb.stores.faults import Fault, NamespaceChecked

_OF_DATABASE = [name for name in SETTINGS if name.startswith("db_")] + ["data_dir"]


@takes_settings(
    _OF_DATABASE,
    argument("destination", "Directory to make; it must not exist yet."),
    flag("json", JSON_HELP),
)
def backup(destination: str, /, *, json: bool = False, **options: object) -> int:
    """Copy a SQLite data directory, also while a server works in it.

    Each namespace is copied as it stands at one moment, and the copy is checked. It is a data
    directory: serve it with --data-dir. With --json: one object with what was copied.
    """
    from mdb.stores.base import OpenError  # noqa: PLC0415  (heavy)
    from mdb.stores.sqlite.backup import BackupError, Copied  # noqa: PLC0415  (heavy)
    from mdb.stores.sqlite.backup import backup as copy  # noqa: PLC0415  (heavy)

    directory = _directory(_database(options), "backup copies SQLite; for Postgres use pg_dump")
    done: list[Copied] = []
    try:
        copy(directory, Path(destination), done.append)
    except (OpenError, BackupError) as exc:
        raise Failed(str(exc)) from exc
    if json:
        write_json(msgspec.json.encode({"destination": destination, "namespaces": done}))
        return 0
    write_table(
        ["NAMESPACE", "MESSAGES", "HEAD", "BYTES"],
        [[c.namespace, c.messages, c.head, c.bytes] for c in done],
    )
    return 0


@takes_settings(_OF_DATABASE, flag("json", JSON_HELP))
def check(*, json: bool = False, **options: object) -> int:
    """Look through a database for what must not be, also while a server works in it.

    The database's own integrity, the schema, gapless streams, order, unique ids, stored hashes
    and correlations, JSON. Exit code 1 if anything is found. With --json: one object with all
    namespaces and faults.
    """
    from mdb.stores.base import OpenError  # noqa: PLC0415  (heavy)

    url = _database(options)
    try:
        results = list(_looked_through(url))
    except OpenError as exc:
        raise Failed(str(exc)) from exc
    faults = [result for result in results if isinstance(result, Fault)]
    namespaces = [result for result in results if not isinstance(result, Fault)]
    faults += [fault for checked in namespaces for fault in checked.faults]
    if json:
        shown = [
            {"namespace": n.namespace, "messages": n.messages, "streams": n.streams, "head": n.head}
            for n in namespaces
        ]
        write_json(msgspec.json.encode({"namespaces": shown, "faults": faults}))
    else:
        write_table(
            ["NAMESPACE", "MESSAGES", "STREAMS", "HEAD", "FAULTS"],
            [[n.namespace, n.messages, n.streams, n.head, len(n.faults)] for n in namespaces],
        )
        write_lines(f"{fault.namespace or 'registry'}: {fault.problem}" for fault in faults)
    if faults:
        raise Failed(f"{len(faults)} fault{'s' * (len(faults) > 1)} found")
    return 0


def _looked_through(url: str) -> Iterable[Fault | NamespaceChecked]:
    if urlsplit(url).scheme == "sqlite":
        from mdb.stores.sqlite import check as sqlite  # noqa: PLC0415  (heavy)

        return sqlite.check(_directory(url, ""))
    raise Failed("Postgres cannot be checked yet")


def _database(options: Mapping[str, object]) -> str:
    return load(options, os.environ).settings.database


def _directory(url: str, otherwise: str) -> Path:
    """Return the data directory of a URL. Raises `UsageError`."""
    if url == MEMORY_URL:
        raise UsageError("a database in memory is its server's alone")
    parts = urlsplit(url)
    if parts.scheme != "sqlite":
        raise UsageError(otherwise)
    return Path(unquote(parts.path[1:]))
