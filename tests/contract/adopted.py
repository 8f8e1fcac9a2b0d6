"""A Postgres store whose namespaces are adopted: each a genuine Message DB in its own schema."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any
from uuid import uuid4

from mdb.core.messages import NamespaceRecord
from mdb.stores.postgres import adoption
from tests.fixtures.genuine import install_genuine


def adopt_all(store: Any) -> None:
    """Let a store adopt what it is asked to create."""
    numbers = itertools.count(1)

    async def adopt(session: Any, namespace: str, schema: str, digest: bytes) -> NamespaceRecord:
        await install_genuine(session.raw, schema)
        # As a session of the pool has it: Message DB's files leave it alone.
        return await adoption.adopt(session, namespace, uuid4(), digest, schema)

    async def create(namespace: str, *, token_digest: bytes, **_more: Any) -> NamespaceRecord:
        schema = f"genuine_{next(numbers)}"
        return await store._change(partial(adopt), namespace, schema, token_digest)

    store.create_namespace = create
