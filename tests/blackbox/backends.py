"""The databases that the black-box tests run on: one row a database."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fixtures.server import Server, start_server

# The admin token of every server here, so that a restarted one is spoken to in the same way.
TOKEN = "ns_ZGVmYXVsdA_" + "0123456789abcdef" * 4


@dataclass(frozen=True)
class Backend:
    """A database, and how to start a server on it; again and again on the same one."""

    name: str
    args: tuple[str, ...]

    @contextlib.contextmanager
    def server(self) -> Iterator[Server]:
        """Start a server; `TOKEN` is its admin's."""
        with start_server(self.args, {"MESSAGEDB_TOKEN": TOKEN}) as server:
            yield server


def _sqlite_file(_request: pytest.FixtureRequest, directory: Path) -> tuple[str, ...]:
    return (f"--data-dir={directory / 'data'}",)


def _sqlite_memory(_request: pytest.FixtureRequest, _directory: Path) -> tuple[str, ...]:
    return ("--db-url=sqlite://:memory:",)


def _postgres(request: pytest.FixtureRequest, _directory: Path) -> tuple[str, ...]:
    return (f"--db-url={request.getfixturevalue('database_url')}",)


MAKERS: dict[str, Callable[[pytest.FixtureRequest, Path], tuple[str, ...]]] = {
    "sqlite-file": _sqlite_file,
    "sqlite-memory": _sqlite_memory,
    "postgres": _postgres,
}

# Those that outlive the process.
LASTING = tuple(name for name in MAKERS if name != "sqlite-memory")


def make(request: pytest.FixtureRequest, directory: Path) -> Backend:
    return Backend(request.param, MAKERS[request.param](request, directory))
