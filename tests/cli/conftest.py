"""One server for the tests of the commands that talk to one, and commands run in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from fixtures.commands import TOKEN, Done
from fixtures.server import Server, start_server

from mdb.cli.program import run


@pytest.fixture(scope="session", params=["memory", "file"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server whose default namespace is the admin's; each test uses streams of its own."""
    database = (
        "sqlite://:memory:"
        if request.param == "memory"
        else f"sqlite:///{tmp_path_factory.mktemp('server') / 'data'}"
    )
    with start_server([f"--db-url={database}", f"--token={TOKEN}"]) as running:
        yield running


@pytest.fixture
def mdb(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Any:
    """Run a command as `mdb ARGS` would, without the time that a process takes to start."""
    for name in [name for name in os.environ if name.startswith("MESSAGEDB_")]:
        monkeypatch.delenv(name)

    def mdb(*args: str, **environ: str) -> Done:
        with monkeypatch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            code = run(args)
        out, err = capfdbinary.readouterr()
        return Done(code, out, err)

    return mdb


@pytest.fixture
def client(server: Server, mdb: Any) -> Any:
    """Run a command against the server, as the admin."""

    def client(*args: str, **environ: str) -> Done:
        known = {"MESSAGEDB_URL": server.url, "MESSAGEDB_TOKEN": TOKEN}
        return mdb(*args, **{**known, **environ})

    return client
