"""`TAKE_OUT` names a part of the program to be left out, to see that the torture finds out."""

from __future__ import annotations

import os

import pytest

from tests.torture.taken_out import PARTS


@pytest.fixture(autouse=True)
def _taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    name = os.environ.get("TAKE_OUT")
    if name:
        PARTS[name](monkeypatch)
