"""`mdb write`: one message, once, whatever happens to the connection."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter

from mdb.cli.client import Client, Lost, Refused
from mdb.cli.failures import Failed
from mdb.cli.json_argument import json_argument, json_of_stdin
from mdb.cli.output import Json, write_json, write_pairs
from mdb.cli.remote import DEFAULT_REMOTE, Remote
from mdb.core.ids import format_uuid, new_id

# Seconds before each further attempt, 6 in all.
_PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6)

# After these, and after a broken connection, the same call with the same id may succeed.
_REPEATABLE: Final = frozenset(("WRITE_UNCERTAIN", "OVERLOADED", "BACKEND_UNAVAILABLE"))

# Not after these: the message may be there all the same.
_UNCERTAIN: Final = frozenset(("WRITE_UNCERTAIN",))


class _Written(msgspec.Struct, rename="camel"):
    position: int
    global_position: int
    id: str


def write(
    stream: Annotated[str, Parameter(help="Name of the stream.")],
    type_: Annotated[str, Parameter(name="TYPE", help="Type of the message.")],
    data: Annotated[
        str,
        Parameter(
            help="The data, one JSON value; - reads it from standard input.",
            allow_leading_hyphen=True,
        ),
    ],
    /,
    *,
    metadata: Annotated[str | None, Parameter(help="The metadata, a JSON object.")] = None,
    id_: Annotated[
        str | None,
        Parameter(
            name="--id", help="UUID of the message; written again with it, it is not written twice."
        ),
    ] = None,
    expected_version: Annotated[
        int | None,
        Parameter(
            help="Version that the stream must have, -1: it must not exist.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    json: Json = False,
    remote: Remote = DEFAULT_REMOTE,
) -> int:
    """Write a message to a stream.

    Where the connection breaks or the server is busy it is tried again, under the same id. With
    --json: the server's answer.
    """
    message = {
        "type": type_,
        "data": json_of_stdin("DATA") if data == "-" else json_argument(data, "DATA"),
        "metadata": None if metadata is None else json_argument(metadata, "--metadata"),
    }
    message_id = id_ if id_ is not None else format_uuid(new_id())
    options = {"id": message_id, "expectedVersion": expected_version}
    with Client(remote.target()) as client:
        answer = _write(client, stream, message, options, message_id)
    if json:
        write_json(answer)
        return 0
    written = msgspec.json.decode(answer, type=_Written)
    write_pairs(
        [
            ("position", written.position),
            ("globalPosition", written.global_position),
            ("id", written.id),
        ]
    )
    return 0


def _write(client: Client, stream: str, message: object, options: object, message_id: str) -> bytes:
    doubt = False
    pauses = iter(_PAUSES)
    while True:
        try:
            return client.call("stream.write", stream, message, options)
        except Failed as failure:
            if isinstance(failure, Lost) or _code(failure) in _UNCERTAIN:
                doubt = True
            repeatable = isinstance(failure, Lost) or _code(failure) in _REPEATABLE
            pause = next(pauses, None) if repeatable or doubt else None
            if doubt and pause is None and not _is_answer(failure):
                raise Failed(f"{failure}; {_again(message_id)}") from failure
            if pause is None:
                raise
        except KeyboardInterrupt:
            print(f"mdb: interrupted; {_again(message_id)}", file=sys.stderr)
            raise
        time.sleep(pause)


def _code(failure: Failed) -> str | None:
    return failure.code if isinstance(failure, Refused) else None


def _is_answer(failure: Failed) -> bool:
    """Whether the server says what became of the message: that it was not written."""
    code = _code(failure)
    return code is not None and code not in _REPEATABLE


def _again(message_id: str) -> str:
    return f"it may have been written; to be sure, write it again with --id {message_id}"
