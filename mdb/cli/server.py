"""Running the server, and what else needs a database, once the options are known.

Nothing here imports the library that reads command lines: `mdb serve` goes without it.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from mdb.settings import Settings, load

log = logging.getLogger("mdb.cli")


def serve(options: Mapping[str, object]) -> int:
    """Serve a database over HTTP, until SIGTERM or SIGINT; return the exit code.

    `options`: see `load_settings`.
    """
    settings = load_settings(options)
    from mdb import app  # noqa: PLC0415  (heavy)

    def announce(line: str) -> None:
        try:
            print(line, flush=True)
        except OSError as exc:
            raise app.StartError(f"standard output: {exc.strerror}") from exc

    return run(partial(app.run, settings, announce=announce, hard_stop=app.end_process_after))


def load_settings(options: Mapping[str, object]) -> Settings:
    """Load the settings, and send the log where they say.

    `options`: setting, or `config`, -> what the command line says; None where it says nothing.
    Raises `ConfigurationError`.
    """
    loaded = load(options, os.environ)
    from mdb import logs  # noqa: PLC0415  (heavy)

    logs.configure(loaded.settings.log_level, loaded.settings.log_format)
    for warning in loaded.warnings:
        log.warning(warning)
    return loaded.settings


def run(main: Callable[[], Awaitable[None]]) -> int:
    """Run a program under trio; return its exit code, and say in a line what was wrong."""
    import trio  # noqa: PLC0415  (heavy)

    from mdb.app import exit_code, fault_lines  # noqa: PLC0415  (heavy)

    try:
        trio.run(main)
    except Exception as error:
        lines = fault_lines(error)
        if lines is None:
            log.critical("mdb failed", exc_info=error)
        for line in lines or ():
            print(f"mdb: {line}", file=sys.stderr)
        return exit_code(error)
    return 0
