"""Threads that run SQLite, when whoever needs one goes away."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import apsw
import trio

from mdb.stores.sqlite import workers


async def test_a_call_cancelled_while_its_thread_starts_leaves_no_thread(monkeypatch):
    """It would keep the process from ending."""
    before = set(threading.enumerate())
    scope = trio.CancelScope()

    async def meanwhile_cancelled(name):
        scope.cancel()
        return await apsw.Connection.as_async(name)

    connection = SimpleNamespace(as_async=meanwhile_cancelled)
    patched = SimpleNamespace(Connection=connection, async_controller=apsw.async_controller)
    monkeypatch.setattr(workers, "apsw", patched)
    running = workers.Workers(1)
    with scope:
        await running.run(lambda: None, None)
    assert scope.cancelled_caught
    started = set(threading.enumerate()) - before
    assert started
    # The next one finds it, and a stop ends it.
    monkeypatch.undo()
    assert await running.run(threading.current_thread, None) in started
    await running.aclose()
    for thread in started:
        thread.join(10)
        assert not thread.is_alive()
