"""What the tests of the Postgres store share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import trio

from mdb.core.ids import new_id
from mdb.core.messages import Append, NewMessage, Page, Written
from mdb.stores.postgres.namespace import PostgresNamespace
from tests.fixtures.postgres import Connection


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def message(
    stream: str,
    type: str = "Happened",  # noqa: A002  (the field's name)
    data: Any = None,
    **more: Any,
) -> NewMessage:
    metadata = more.pop("metadata", None)
    return NewMessage(
        id=more.pop("id", None) or new_id(),
        stream=stream,
        type=type,
        data=json.dumps(data).encode(),
        metadata=None if metadata is None else json.dumps(metadata).encode(),
        **more,
    )


def one(stream: str, expect: int | None = None, **more: Any) -> Append:
    return Append((message(stream, **more),), () if expect is None else ((stream, expect),))


async def write(namespace: PostgresNamespace, *appends: Append) -> list[tuple[int, int]]:
    """Commit a batch of which every write is expected to succeed; the positions of all messages."""
    outcomes = await namespace.commit(appends)
    written = [outcome for outcome in outcomes if isinstance(outcome, Written)]
    assert len(written) == len(appends), outcomes
    return [at for outcome in written for at in outcome.positions]


def rows(page: Page) -> list[list[Any]]:
    return json.loads(b"[" + page.rows + b"]")


async def until(
    connection: Connection, query: str, *args: Any, holds: Callable[[Any], object] = bool
) -> None:
    """Ask the server until its answer will do: nobody else knows."""
    with trio.fail_after(15):
        while True:
            if holds(await connection.fetchval(query, *args)):
                return
