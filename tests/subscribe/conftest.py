"""A server to follow; event streams are the application's, whoever answers the calls.

And servers on one Postgres, as many as a test wants.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
from fixtures.served import server

import mdb


@pytest.fixture
async def served():
    async with server() as running:
        yield running


@pytest.fixture
def write(served):
    """Write messages; return their global positions."""

    async def write(*streams, metadata=None, token=None):
        token = served.own if token is None else token
        heights = []
        for stream in streams:
            message = {"type": "T", "data": {}, "metadata": metadata}
            answer = await served.call("stream.write", stream, message, token=token)
            heights.append(answer.result["globalPosition"])
        return heights

    return write


@pytest.fixture
async def namespace(served):
    """The namespace under the server, to write histories in one go."""
    return await served.database.namespace("tests")


# Seconds between polls: so often that a test needn't wait, or so seldom that none comes.
OFTEN, NEVER = 0.02, 60.0


async def _serve(url: str, *, task_status: trio.TaskStatus[mdb.Database], **options: Any) -> None:
    async with mdb.open(url, **options) as database:
        task_status.started(database)
        await trio.sleep_forever()


@pytest.fixture
async def serve_on(nursery: trio.Nursery) -> Callable[..., Any]:
    """`await serve_on(url, poll_interval=...)` opens a database as a server does."""

    async def start(url: str, **options: Any) -> mdb.Database:
        database: mdb.Database = await nursery.start(partial(_serve, url, **options))
        return database

    return start
