"""The pieces of the running program that a process test cannot see."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from functools import partial

import httpx2
import pytest
import trio
from fixtures.server import LIMIT, environment

from mdb import app
from mdb.core.errors import BackendUnavailable
from mdb.database import open_database
from mdb.stores.base import OpenError

MEMORY = "sqlite://:memory:"


async def get(port: int, path: str) -> httpx2.Response:
    async with httpx2.AsyncClient(timeout=LIMIT) as client:
        return await client.get(f"http://127.0.0.1:{port}{path}")


async def test_embedded_it_serves_until_told_to_drain_and_touches_nothing_global() -> None:
    handlers = list(logging.getLogger().handlers)
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    draining = trio.Event()
    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            serving = partial(app.serve, MEMORY, port=0, draining=draining)
            port = await nursery.start(serving)
            assert (await get(port, "/ready")).json() == {"status": "ready"}
            assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == before
            assert logging.getLogger().handlers == handlers
            draining.set()


async def test_embedded_an_open_database_stays_open() -> None:
    draining = trio.Event()
    with trio.fail_after(LIMIT):
        async with open_database(MEMORY) as database:
            await database.ensure_default()
            async with trio.open_nursery() as nursery:
                port = await nursery.start(partial(app.serve, database, port=0, draining=draining))
                assert (await get(port, "/health")).status_code == 200
                draining.set()
            written = await (await database.namespace()).write("a-1", "T", {})
            assert written.position == 0


async def test_embedded_cancellation_ends_it() -> None:
    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            port = await nursery.start(partial(app.serve, MEMORY, port=0))
            assert (await get(port, "/health")).status_code == 200
            nursery.cancel_scope.cancel()


async def test_a_host_that_is_not_of_this_machine_is_a_start_error() -> None:
    with pytest.RaisesGroup(app.StartError, flatten_subgroups=True) as caught:
        await app.serve(MEMORY, host="192.0.2.1", port=0)
    assert "192.0.2.1" in str(app.fault_lines(caught.value))


def test_what_an_operator_can_mend_is_a_line_and_a_fault_of_the_server_is_not() -> None:
    mendable = [OpenError("directory\nlocked"), BackendUnavailable("no database")]
    nested = ExceptionGroup("", [mendable[0], ExceptionGroup("", mendable)])
    assert app.fault_lines(nested) == ["directory locked", "no database"]
    assert app.fault_lines(ExceptionGroup("", [*mendable, KeyError("x")])) is None


def test_a_line_for_the_operator_holds_no_password() -> None:
    error = OpenError("postgresql://mdb:hunter2@db/events: no such host")
    assert app.fault_lines(error) == ["postgresql://mdb:***@db/events: no such host"]


def test_a_stop_that_hangs_is_ended_from_outside_of_it() -> None:
    """A thread that never ends keeps an interpreter from leaving; the last resort does not."""
    program = (
        "import threading; from mdb.app import end_process_after\n"
        "threading.Thread(target=threading.Event().wait).start(); end_process_after(0.1)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 1
    assert "still not stopped" in done.stderr
