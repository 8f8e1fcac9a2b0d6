"""`sys.*`: the server itself."""

from __future__ import annotations

from typing import Literal

import msgspec

from mdb.rpc.context import Context
from mdb.rpc.method import Method
from mdb.rpc.results import encode
from mdb.version import VERSION


class Health(msgspec.Struct):
    """`connections`: open connections to the database."""

    status: Literal["ok"]
    backend: Literal["sqlite", "postgres"]
    connections: int


def _version() -> bytes:
    return encode(VERSION)


async def _health(context: Context) -> bytes:
    store = context.database.store
    return encode(Health("ok", store.backend, await store.ping()))


METHODS = (
    Method("sys.version", "The server's version.", "open", (), result=str, at_once=_version),
    Method("sys.health", "Whether the database answers.", "open", (), _health, result=Health),
)
