"""A browser for all tests of this folder; `make test-browser` says which one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.browser.browser import Browser, running_browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = os.environ.get("MESSAGEDB_TEST_BROWSER")
    if not program:
        pytest.fail(
            "MESSAGEDB_TEST_BROWSER names no Chromium: run these tests with `make test-browser`, "
            "which unpacks one, or name one that is installed (Debian: apt-get install chromium)",
            pytrace=False,
        )
    with running_browser(program) as started:
        yield started
