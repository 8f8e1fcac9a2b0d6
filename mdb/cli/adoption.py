"""`mdb ns adopt`, `release` and `grant`: done to a Postgres database directly, without a server."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from cyclopts import App

from mdb.cli.failures import Failed, UsageError
from mdb.cli.options import argument, flag, option, takes_settings
from mdb.cli.output import JSON_HELP, write_json, write_lines, write_pairs
from mdb.core import names, tokens
from mdb.core.errors import MdbError
from mdb.settings import SETTINGS, load

T = TypeVar("T")

_OF_DATABASE = [name for name in SETTINGS if name.startswith("db_")]
_DEFAULT = "default"
DEFAULT_SCHEMA = "message_store"


@takes_settings(
    _OF_DATABASE,
    argument("namespace", "Id to give it."),
    option("schema", "Schema that holds the Message DB.", DEFAULT_SCHEMA),
    option("set_token", "Token to give it, well-formed for it; else one is made."),
    flag("json", JSON_HELP),
)
def adopt(
    namespace: str,
    /,
    *,
    schema: str = DEFAULT_SCHEMA,
    set_token: str | None = None,
    json: bool = False,
    **options: object,
) -> int:
    """Serve a Message DB (1.2 or 1.3) in place, as a namespace, and print its token.

    Nothing is put into its schema, and its other clients may go on. The token of the namespace
    default is made and shown by the first server that starts, if none is given.
    """
    token = _token(namespace, set_token)
    digest = tokens.NO_TOKEN if token is None else tokens.digest(token)
    from mdb.stores.postgres import administration  # noqa: PLC0415  (heavy)

    url = _database(options)
    record = _done(lambda: administration.adopt(url, namespace, schema, digest))
    shown = [("namespace", record.id), ("schema", record.location)]
    _show(shown if token is None else [*shown, ("token", token)], as_json=json)
    return 0


@takes_settings(
    _OF_DATABASE, argument("namespace", "Id of the namespace."), flag("json", JSON_HELP)
)
def release(namespace: str, /, *, json: bool = False, **options: object) -> int:
    """Let go of an adopted schema: nothing of mdb is left for it. Stop all servers first.

    The namespace and its token are forgotten; the messages stay where they are.
    """
    from mdb.stores.postgres import administration  # noqa: PLC0415  (heavy)

    url = _database(options)
    last = _done(lambda: administration.release(url, namespace))
    if json:
        _show([("released", namespace), ("last", last)], as_json=True)
    elif last:
        write_lines(
            ["Released. It was the last namespace: nothing of mdb is left in the database."]
        )
    else:
        write_lines(["Released."])
    return 0


@takes_settings(
    _OF_DATABASE,
    argument("namespace", "Id of the namespace."),
    argument("role", "Role of Postgres, which exists."),
    flag("revoke", "Take it back instead."),
    flag("json", JSON_HELP),
)
def grant(
    namespace: str, role: str, /, *, revoke: bool = False, json: bool = False, **options: object
) -> int:
    """Let a role of Postgres use a namespace's schema as a Message DB, and do nothing else.

    It may do what Message DB's own role message_store may: write and read by Message DB's
    functions, and by select and insert.
    """
    from mdb.stores.postgres import administration  # noqa: PLC0415  (heavy)

    url = _database(options)
    _done(lambda: administration.grant(url, namespace, role, revoke=revoke))
    if json:
        _show([("namespace", namespace), ("role", role), ("granted", not revoke)], as_json=True)
    return 0


def _show(pairs: Sequence[tuple[str, object]], *, as_json: bool) -> None:
    if as_json:
        write_json(msgspec.json.encode(dict(pairs)))
    else:
        write_pairs(pairs)


def _token(namespace: str, given: str | None) -> str | None:
    """Return the token to give; None: the first server makes one. Raises `UsageError`."""
    try:
        names.check_namespace_id(namespace, "namespace")
        if given is not None and tokens.parse(given).namespace != namespace:
            raise UsageError("--set-token names another namespace")
    except MdbError as exc:
        raise UsageError(exc.message) from exc
    if given is not None or namespace == _DEFAULT:
        return given
    return tokens.make(namespace)


def _done(work: Callable[[], T]) -> T:
    from mdb.stores.base import OpenError  # noqa: PLC0415  (heavy)

    try:
        return work()
    except (OpenError, MdbError) as exc:
        raise Failed(str(exc)) from exc


def _database(options: Mapping[str, object]) -> str:
    url = load(options, os.environ).settings.database
    if urlsplit(url).scheme not in {"postgresql", "postgres"}:
        raise UsageError("only schemas of Postgres can be adopted, released or granted: --db-url")
    return url


def add_to(app: App) -> None:
    """Add the commands to a group."""
    app.command(adopt, name="adopt")
    app.command(release, name="release")
    app.command(grant, name="grant")
