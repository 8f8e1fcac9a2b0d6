"""The server at run time: what is started, in which order, and the order in which it stops.

    signals ── first: drain, second: cancel
    event loop of the Postgres driver (only with Postgres, and around everything that uses it)
    └─ database (store, actors)
       └─ HTTP server

Stopping goes from the inside out: subscriptions end, the listeners close, open requests are
answered within the grace period, the actors write what they were given, the connections close.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final

import trio

from mdb import systemd
from mdb.core.errors import MdbError
from mdb.core.tokens import redact
from mdb.database import Database, open_database
from mdb.http.cors import AllowedOrigins
from mdb.http.limits import Limits
from mdb.http.serve import serve as serve_http
from mdb.rpc.dispatcher import Dispatcher
from mdb.rpc.testmode import TestMode
from mdb.settings import Settings
from mdb.settings.urls import mask_url
from mdb.stores.base import NotAdopted, OpenError

log = logging.getLogger("mdb.app")

# Seconds on top of the grace period that a stop may take, before the process ends itself: the
# database has its own limit of 15, closing the connections another 10.
_STOP_MARGIN: Final = 30.0

# Seconds that the log's first line may take before a signal is heeded without it.
_FIRST_LINE_LIMIT: Final = 5.0


class StartError(Exception):
    """The server cannot start. The message is one line for the operator."""


class Cut(Exception):
    """The server was told to stop at once, and cut off what was still open."""


# Embedding


async def serve(
    database: Database | str,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    settings: Settings | None = None,
    draining: trio.Event | None = None,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve a database over HTTP inside a trio program, until `draining` is set.

    Touches no signals, no logging configuration and no global state. Cancelled, it cuts open
    requests off at once; what was accepted for writing is still written.

    Args:
        database: An open database, which stays open and is then draining (its subscriptions
            have ended), or the URL of one to open and close.
        host: Address or name to listen on.
        port: TCP port, 0 for a free one.
        settings: Limits, CORS and test mode; the defaults if None. Its host, port, token and
            database are not looked at.
        draining: Set it to stop in order: open requests are answered, within the grace period.
        task_status: Reports the port when requests are answered.

    Raises:
        StartError: The address cannot be listened on.
        OpenError: The database cannot be opened.

    Both come in an exception group, as all that leaves a nursery does.
    """
    settings = settings or Settings()
    draining = trio.Event() if draining is None else draining
    if isinstance(database, str):
        async with _opened(database, settings) as opened:
            await _serve(opened, settings, host, port, draining, task_status=task_status)
    else:
        await _serve(database, settings, host, port, draining, task_status=task_status)


async def _serve(
    database: Database,
    settings: Settings,
    host: str,
    port: int,
    draining: trio.Event,
    *,
    task_status: trio.TaskStatus[int],
) -> None:
    limits = _limits(settings)
    origins = _origins(settings)
    test_mode = TestMode(database) if settings.test_mode else None
    dispatcher = Dispatcher(database, test_mode=test_mode, request_timeout=settings.request_timeout)

    def load() -> object:
        from mdb.http.app import build_app  # noqa: PLC0415  (heavy)

        return build_app(
            database,
            dispatcher,
            test_mode=test_mode,
            origins=origins,
            limits=limits,
            keep_alive=settings.keep_alive,
        )

    async with trio.open_nursery() as nursery:
        # Event streams end first: the server then has no reason to wait for them.
        nursery.start_soon(_drain, database, draining)
        serving = partial(
            serve_http,
            load,
            dispatcher,
            host=host,
            port=port,
            limits=limits,
            origins=origins,
            sweep=database.sweep,
            draining=draining,
        )
        try:
            bound = await nursery.start(serving)
        except* OSError as group:
            reason = _first(group)
            text = reason.strerror or str(reason)
            raise StartError(f"cannot listen on {host}, port {port}: {text}") from reason
        task_status.started(bound)


async def _drain(database: Database, draining: trio.Event) -> None:
    await draining.wait()
    database.drain()


def _first(group: BaseExceptionGroup[OSError]) -> OSError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def _opened(url: str, settings: Settings) -> AbstractAsyncContextManager[Database]:
    return open_database(
        url,
        poll_interval=settings.poll_interval,
        listen_url=settings.listen_url,
        listen=settings.listen == "on",
        max_queue=settings.max_queue,
        max_queue_bytes=settings.max_queue_bytes,
        adopt=settings.adopt,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        max_connections=settings.max_connections,
        max_body=settings.max_body,
        idle_timeout=settings.idle_timeout,
        head_timeout=settings.head_timeout,
        body_timeout=settings.body_timeout,
        send_timeout=settings.send_timeout,
        grace=settings.grace,
    )


def _origins(settings: Settings) -> AllowedOrigins:
    listed = frozenset(settings.cors_origin)
    return AllowedOrigins(listed - {"*"}, any=settings.test_mode or "*" in listed)


# The program


async def run(
    settings: Settings,
    *,
    announce: Callable[[str], None],
    hard_stop: Callable[[float], None] | None = None,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run the server as a program, until SIGTERM or SIGINT; to be called in the main thread.

    The first signal drains, a second one cancels what is left; SIGHUP is noted and ignored.

    Args:
        settings: All of them.
        announce: Given the lines that belong on standard output.
        hard_stop: Called once when stopping begins, with the seconds that it may take at most.
        task_status: Reports the port when requests are answered.

    Raises:
        StartError, OpenError, MdbError: It cannot start; one line for the operator. Perhaps in
            an exception group.
        Cut: A second signal came.
    """
    stop = _Stop(settings.grace + _STOP_MARGIN, hard_stop)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stop.listen, signals)
            with stop.everything:
                await _run(settings, stop, announce, task_status)
            nursery.cancel_scope.cancel()
    if stop.cut:
        raise Cut("stopped at once: what was still open was cut off")


async def _run(
    settings: Settings,
    stop: _Stop,
    announce: Callable[[str], None],
    task_status: trio.TaskStatus[int],
) -> None:
    url = settings.database
    async with _opened(url, settings) as database:
        token, replaced = await database.ensure_default(settings.token)
        if replaced:
            log.warning("the admin token was replaced by the one that is set")
        if token is not None:
            try:
                announce(f"Default token: {token}")
            except Exception:
                # Nobody knows it: the next start is to make one, and show that.
                await database.withdraw_default(token)  # noqa: ASYNC120  (cancelled, the cancellation is what is raised)
                raise
        async with trio.open_nursery() as nursery:
            serving = partial(
                _serve, database, settings, settings.host, settings.port, stop.draining
            )
            port = await nursery.start(serving)
            stop.serving = True
            announce(f"Listening on :{port}")
            systemd.notify(systemd.READY)
            # The first line of the log takes long: see `log_lines`.
            first = partial(log.info, "serving", extra={"host": settings.host, "port": port})
            await trio.to_thread.run_sync(first)
            stop.first_line.set()
            task_status.started(port)
    log.info("stopped")


class _Stop:
    """From signals to the steps of stopping."""

    def __init__(self, limit: float, hard_stop: Callable[[float], None] | None) -> None:
        self.draining = trio.Event()
        self.everything = trio.CancelScope()
        self.serving = False
        self.first_line = trio.Event()
        self.cut = False
        self._limit = limit
        self._hard_stop = hard_stop

    async def listen(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            if self.serving:
                # Who was told that it listens may stop it at once: the log is in that order, too.
                with trio.move_on_after(_FIRST_LINE_LIMIT):
                    await self.first_line.wait()
            self.note(signal.Signals(number))

    def note(self, received: signal.Signals) -> None:
        """Take the step that a signal asks for."""
        if received == signal.SIGHUP:
            log.info("SIGHUP is ignored: there is nothing to reload")
        elif not self.draining.is_set():
            log.info("stopping", extra={"signal": received.name})
            systemd.notify(systemd.STOPPING)
            if self._hard_stop is not None:
                self._hard_stop(self._limit)
            # Everything is about to go: looking for cycles among thousands of connections, again
            # and again while they close, takes as long as closing them.
            gc.disable()
            self.draining.set()
            if not self.serving:
                self.everything.cancel()  # nobody was served yet: there is nothing to wait for
        elif not self.cut:
            log.warning("stopping at once", extra={"signal": received.name})
            self.cut = True
            self.everything.cancel()


def end_process_after(seconds: float) -> None:
    """End this process with exit code 1 if it still runs after so many seconds.

    The last resort against a stop that hangs, be it in a thread that no cancellation reaches: a
    thread of its own, which does not keep the process alive.
    """

    def end() -> None:
        sys.stderr.write(f"mdb: still not stopped after {seconds:g} s; ending the process\n")
        sys.stderr.flush()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def exit_code(error: BaseException) -> int:
    """Return the exit code of a program that an error ended: 2 where it is called wrongly."""
    if isinstance(error, BaseExceptionGroup):
        return max(map(exit_code, error.exceptions))
    return 2 if isinstance(error, NotAdopted) else 1


def fault_lines(error: BaseException) -> list[str] | None:
    """Return what to tell the operator of an error that ended the server, one line each.

    No line holds a token or a password. None where it is none of those that an operator can do
    something about: a fault of the server itself, whose traceback belongs in the log.
    """
    if isinstance(error, BaseExceptionGroup):
        found: list[str] = []
        for inner in error.exceptions:
            lines = fault_lines(inner)
            if lines is None:
                return None
            found += lines
        return list(dict.fromkeys(found))
    if isinstance(error, OpenError | StartError | Cut | MdbError):
        return [mask_url(redact(" ".join(str(error).split())))]
    return None
