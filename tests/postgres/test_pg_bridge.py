"""What the driver leaves behind does not end the server."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest
import trio
import trio.testing

from mdb.stores.postgres.bridge import open_bridge


async def test_a_future_that_failed_unread_is_logged_and_nothing_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def leave_one() -> None:
        asyncio.get_running_loop().create_future().set_exception(ConnectionError("lost"))
        gc.collect()

    async def answer() -> int:
        return 1

    caplog.set_level(logging.INFO)
    async with open_bridge() as bridge:
        await bridge.call(leave_one, limit=5)
        await trio.testing.wait_all_tasks_blocked()
        assert await bridge.call(answer, limit=5) == 1
    assert "never retrieved" in caplog.text
