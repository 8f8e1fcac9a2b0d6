"""A test that asks for `backend` runs on every database, one for `lasting` on those that last."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from blackbox.backends import LASTING, MAKERS, Backend, make


@pytest.fixture(params=MAKERS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    return make(request, tmp_path)


@pytest.fixture(params=LASTING)
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    return make(request, tmp_path)


@pytest.fixture(scope="session")
def node() -> str:
    """The program `node`."""
    found = shutil.which("node")
    if found is None:
        pytest.fail("this test needs Node.js 20 or newer (Debian: apt-get install nodejs)")
    return found
