"""What the driver leaves behind does not end the server."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
from collections.abc import Awaitable
from functools import partial

import pytest
import trio
import trio.testing

from mdb.stores.postgres.bridge import open_bridge
from mdb.stores.postgres.faults import Lost


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


async def test_a_driven_call_gets_what_its_futures_get() -> None:
    async def wait_for(value: object) -> object:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, value)
        return await future

    async def fail() -> None:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_exception, ValueError("bad"))
        await future

    async with open_bridge() as bridge:
        assert await bridge.run(wait_for, 7, limit=5) == 7
        with pytest.raises(ValueError, match="bad"):
            await bridge.run(fail, limit=5)


async def test_a_driven_call_that_is_cancelled_is_waited_for() -> None:
    ended: list[str] = []

    async def wait_and_clean_up() -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_future()
        except asyncio.CancelledError:
            last = loop.create_future()
            loop.call_soon(last.set_result, "cleaned up")
            ended.append(await last)  # noqa: ASYNC102  (that it may is what is tested)
            raise

    async with open_bridge() as bridge:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(partial(bridge.run, wait_and_clean_up, limit=5))
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert scope.cancelled_caught
        assert ended == ["cleaned up"]


async def test_a_driven_call_that_ends_well_although_cancelled_has_its_value() -> None:
    async def insist() -> str:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:  # noqa: ASYNC103  (what is tested)
            return "done all the same"  # noqa: ASYNC104  (what is tested)
        raise AssertionError("not cancelled")

    async with open_bridge() as bridge:
        with trio.CancelScope() as scope:
            scope.cancel()
            assert await bridge.run(insist, limit=5) == "done all the same"


async def test_a_driven_call_past_its_limit_counts_as_lost(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def hang() -> None:
        await asyncio.get_running_loop().create_future()

    async with open_bridge() as bridge:
        with pytest.raises(Lost):
            await bridge.run(hang, limit=5)
    assert trio.current_time() >= 5


async def test_what_was_begun_is_ended_by_another_task_and_on_the_same_loop() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def work() -> None:
        for _ in range(3):
            loop = asyncio.get_running_loop()
            loops.append(loop)
            future = loop.create_future()
            loop.call_soon(future.set_result, None)
            await future

    async def end(begun: Awaitable[None]) -> None:
        await begun

    async with open_bridge() as bridge:
        begun = bridge.begin(bridge.run(work, limit=math.inf))
        assert len(loops) == 1
        async with trio.open_nursery() as nursery:  # noqa: ASYNC112  (a task of its own ends it)
            nursery.start_soon(end, begun)
        assert loops == [bridge._loop] * 3


async def test_what_ends_at_once_says_so_where_it_is_awaited() -> None:
    async def answer() -> int:
        return 1

    async def fail() -> int:
        raise ValueError("bad")

    async with open_bridge() as bridge:
        assert await bridge.begin(bridge.run(answer, limit=math.inf)) == 1
        failed = bridge.begin(bridge.run(fail, limit=math.inf))
        with pytest.raises(ValueError, match="bad"):
            await failed
