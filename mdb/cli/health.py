"""`mdb health`: whether a server lives, for people and for those who watch over containers."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from mdb.cli.client import Client
from mdb.cli.failures import Failed
from mdb.cli.output import Json, write_json, write_lines
from mdb.cli.remote import DEFAULT_REMOTE, Remote

# Seconds: a watcher asks again anyway.
_LIMIT = 5.0


class _Health(msgspec.Struct):
    status: str
    reason: str | None = None
    error: dict[str, Any] | None = None


def health(
    *,
    ready: Annotated[
        bool,
        Parameter(
            negative=(), show_default=False, help="Also whether it serves: its database answers."
        ),
    ] = False,
    json: Json = False,
    remote: Remote = DEFAULT_REMOTE,
) -> int:
    """Ask a server whether it lives: exit code 0 if so, else 1.

    Without --ready an outage of the database is no fault: starting the server again would not
    mend it. With --json: the server's answer.
    """
    path = "/ready" if ready else "/health"
    target = remote.target(limit=_LIMIT)
    with Client(target) as client:
        status, body = client.get(path)
    try:
        found = msgspec.json.decode(body, type=_Health)
    except msgspec.DecodeError:
        raise Failed(
            f"{target.url}{path} answered {status}, which is not an mdb server's"
        ) from None
    if json:
        write_json(body)
    elif status == 200:
        write_lines([found.status])
    if status != 200:
        raise Failed(f"{target.url}: {found.status}{f': {found.reason}' if found.reason else ''}")
    return 0
