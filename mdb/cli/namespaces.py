"""`mdb ns`: the namespaces of a server, and those that are adopted."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from mdb.cli import adoption
from mdb.cli.client import Client
from mdb.cli.failures import UsageError
from mdb.cli.json_argument import json_argument
from mdb.cli.output import Json, write_json, write_pairs, write_table
from mdb.cli.remote import DEFAULT_REMOTE, Remote

# How many namespaces are asked for at a time: the most that a server lists.
_PAGE = 1000

_Id = Annotated[str, Parameter(help="Id of the namespace.")]
_OwnId = Annotated[str | None, Parameter(help="Id of the namespace; by default the token's own.")]


class _Listed(msgspec.Struct, rename="camel"):
    namespace: str
    description: str | None
    created_at: str
    message_count: int


def create(
    namespace: _Id,
    /,
    *,
    description: Annotated[str | None, Parameter(help="What it is for.")] = None,
    metadata: Annotated[str | None, Parameter(help="A JSON object to keep with it.")] = None,
    set_token: Annotated[
        str | None, Parameter(help="Token to give it, well-formed for it; else one is made.")
    ] = None,
    json: Json = False,
    remote: Remote = DEFAULT_REMOTE,
) -> int:
    """Create a namespace, and print its token, which is not shown again. The admin's.

    With --json: the server's answer.
    """
    options = {
        "description": description,
        "metadata": None if metadata is None else json_argument(metadata, "--metadata"),
        "token": set_token,
    }
    given = {name: value for name, value in options.items() if value is not None}
    return _show(remote, json, "ns.create", namespace, given or None)


def list_all(*, json: Json = False, remote: Remote = DEFAULT_REMOTE) -> int:
    """List all namespaces. The admin's.

    With --json: one array of the server's objects.
    """
    found: list[msgspec.Raw] = []
    with Client(remote.target()) as client:
        while True:
            options = {"limit": _PAGE, "offset": len(found)}
            page = msgspec.json.decode(client.call("ns.list", options), type=list[msgspec.Raw])
            found += page
            if len(page) < _PAGE:
                break
    if json:
        write_json(msgspec.json.encode(found))
        return 0
    rows = [msgspec.json.decode(row, type=_Listed) for row in found]
    write_table(
        ["NAMESPACE", "MESSAGES", "CREATED", "DESCRIPTION"],
        [[r.namespace, r.message_count, r.created_at, r.description] for r in rows],
    )
    return 0


def info(
    namespace: _OwnId = None, /, *, json: Json = False, remote: Remote = DEFAULT_REMOTE
) -> int:
    """Print what a namespace is and how much it holds.

    With --json: the server's answer.
    """
    return _show(remote, json, "ns.info", namespace or remote.target().own_namespace())


def delete(
    namespace: _Id,
    /,
    *,
    yes: Annotated[bool, Parameter(negative=(), show_default=False, help="Do not ask.")] = False,
    json: Json = False,
    remote: Remote = DEFAULT_REMOTE,
) -> int:
    """Delete a namespace and all its messages, for good. Asks first.

    With --json: the server's answer.
    """
    if not yes and not _confirmed(f"Delete the namespace {namespace} and all its messages? [y/N] "):
        raise UsageError("nothing was deleted: say yes, or give --yes")
    return _show(remote, json, "ns.delete", namespace)


def rotate_token(
    namespace: _OwnId = None, /, *, json: Json = False, remote: Remote = DEFAULT_REMOTE
) -> int:
    """Give a namespace a new token, and print it; the old one is refused from then on.

    With --json: the server's answer.
    """
    return _show(remote, json, "ns.rotateToken", namespace or remote.target().own_namespace())


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        return False
    # Standard output is for results.
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _show(remote: Remote, as_json: bool, method: str, *arguments: object) -> int:
    with Client(remote.target()) as client:
        answer = client.call(method, *arguments)
    if as_json:
        write_json(answer)
        return 0
    fields = msgspec.json.decode(answer, type=dict[str, msgspec.Raw])
    write_pairs([(name, _shown(bytes(raw))) for name, raw in fields.items()])
    return 0


def _shown(raw: bytes) -> object:
    value: Any = msgspec.json.decode(raw)
    return raw.decode() if isinstance(value, dict | list) else value


def make_app() -> App:
    """Build the group of commands."""
    app = App(name="ns", help="Create, list, show, delete and adopt namespaces.")
    app.command(create, name="create")
    app.command(list_all, name="list")
    app.command(info, name="info")
    app.command(delete, name="delete")
    app.command(rotate_token, name="rotate-token")
    adoption.add_to(app)
    return app
