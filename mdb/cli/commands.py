"""What the commands do. Everything heavy is imported when a command needs it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from mdb.cli.options import flag, takes_settings
from mdb.cli.output import JSON_HELP, Json, write_lines
from mdb.settings import SETTINGS, Settings, load
from mdb.version import VERSION

log = logging.getLogger("mdb.cli")

_OF_DATABASE = [name for name in SETTINGS if name.startswith("db_")] + ["data_dir"]
_OF_LOG = ["log_level", "log_format"]


def version(*, json: Json = False) -> int:
    """Print the version. With --json: an object with it."""
    write_lines([f'{{"version":"{VERSION}"}}' if json else VERSION])
    return 0


@takes_settings(SETTINGS)
def serve(**options: object) -> int:
    """Serve a database over HTTP, until SIGTERM or SIGINT.

    Open requests are answered before it ends; a second signal ends it at once.
    """
    settings = _settings(options)
    from mdb import app  # noqa: PLC0415  (heavy)

    def announce(line: str) -> None:
        try:
            print(line, flush=True)
        except OSError as exc:
            raise app.StartError(f"standard output: {exc.strerror}") from exc

    return _run(partial(app.run, settings, announce=announce, hard_stop=app.end_process_after))


@takes_settings([*_OF_DATABASE, *_OF_LOG], flag("json", JSON_HELP))
def migrate(*, json: bool = False, **options: object) -> int:
    """Bring the database and all its namespaces to the newest schema, and end.

    May be repeated. A server does the same by itself: the registry when it starts, a namespace
    when it is first used. With --json: an object with how many namespaces were migrated.
    """
    settings = _settings(options)
    from mdb.cli.migrate import migrate_all  # noqa: PLC0415  (heavy)

    return _run(partial(migrate_all, settings.database, as_json=json))


def _settings(options: Mapping[str, object]) -> Settings:
    """Load the settings, and send the log where they say."""
    loaded = load(options, os.environ)
    from mdb import logs  # noqa: PLC0415  (heavy)

    logs.configure(loaded.settings.log_level, loaded.settings.log_format)
    for warning in loaded.warnings:
        log.warning(warning)
    return loaded.settings


def _run(main: Callable[[], Awaitable[None]]) -> int:
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
