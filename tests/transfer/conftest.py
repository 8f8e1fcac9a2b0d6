"""A server for each database, and namespaces in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from transfer_harness import Tenant, tenant_of

from tests.fixtures.postgres import Databases
from tests.fixtures.server import Server, start_server


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: Any) -> Path:
    return tmp_path_factory.mktemp("transfer") / "data"


@pytest.fixture(scope="session")
def sqlite_server(data_dir: Path) -> Iterator[Server]:
    with start_server([f"--data-dir={data_dir}"]) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_database(postgres_server: Databases) -> Iterator[str]:
    """The address of the database behind `postgres_backed`."""
    name = postgres_server.create()
    try:
        yield postgres_server.url(name)
    finally:
        postgres_server.drop(name)


@pytest.fixture(scope="session")
def postgres_backed(postgres_database: str) -> Iterator[Server]:
    with start_server([f"--db-url={postgres_database}"]) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest) -> Server:
    """A server that many tests share; each has namespaces of its own."""
    fixture = {"sqlite": "sqlite_server", "postgres": "postgres_backed"}[request.param]
    return request.getfixturevalue(fixture)


@pytest.fixture
def tenant(server: Server) -> Tenant:
    return tenant_of(server)


@pytest.fixture
def another(server: Server) -> Callable[[], Tenant]:
    """Make one more namespace on the same server."""
    return lambda: tenant_of(server)
