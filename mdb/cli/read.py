"""`mdb read`: messages that are there."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from mdb.cli import messages
from mdb.cli.client import Client
from mdb.cli.failures import UsageError
from mdb.cli.output import Json
from mdb.cli.remote import DEFAULT_REMOTE, Remote
from mdb.cli.selection import NOTHING, Selection, pages


def read(
    stream: Annotated[str | None, Parameter(help="Name of the stream.")] = None,
    /,
    *,
    selection: Selection = NOTHING,
    position: Annotated[
        int | None,
        Parameter(
            help="Where to begin, inclusive: a position of the stream, else a global position.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    limit: Annotated[
        int, Parameter(help="Most messages; -1: all there are.", allow_leading_hyphen=True)
    ] = 1000,
    backward: Annotated[
        bool, Parameter(negative=(), show_default=False, help="The last message first.")
    ] = False,
    json: Json = False,
    remote: Remote = DEFAULT_REMOTE,
) -> int:
    """Print messages of a stream, of a category, or of the whole namespace.

    A line each: global position, stream, position, type, time, data, and metadata if there is
    any. With --json: an object a line (NDJSON).
    """
    if limit < -1:
        raise UsageError("--limit must be at least -1")
    source = selection.of(stream)
    with Client(remote.target()) as client:
        for page in pages(client, source, position, limit, backward=backward):
            messages.write(page, as_json=json)
    return 0
