"""A Postgres store on an empty database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from mdb.core.messages import NamespaceRecord
from mdb.stores.postgres import PostgresStore, open_store
from mdb.stores.postgres.namespace import PostgresNamespace
from tests.postgres.helpers import digest


@pytest.fixture
async def store(database_url: str, asyncio_loop: Any) -> AsyncIterator[PostgresStore]:
    """An open store.  After the loop of ``connect``: fixtures share their context variables."""
    async with open_store(database_url) as opened:
        yield opened


@pytest.fixture
async def record(store: PostgresStore) -> NamespaceRecord:
    """A namespace in it."""
    return await store.create_namespace("tenant", token_digest=digest("tenant"))


@pytest.fixture
async def namespace(store: PostgresStore, record: NamespaceRecord) -> PostgresNamespace:
    """That namespace's store, open for writing."""
    opened = store.namespace(record)
    await opened.open()
    return opened
