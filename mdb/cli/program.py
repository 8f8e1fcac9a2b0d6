"""From the arguments to an exit code: 0 clean, 1 failure, 2 usage or configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from cyclopts import App
from cyclopts.exceptions import CycloptsError

from mdb.cli import (
    commands,
    completion,
    config,
    database,
    health,
    namespaces,
    read,
    tail,
    transfer,
    write,
)
from mdb.cli.failures import Failed, UsageError
from mdb.core.tokens import redact
from mdb.settings import ConfigurationError
from mdb.version import VERSION

_USAGE = 2
_INTERRUPTED = 130  # what a shell reports for SIGINT


def make_app() -> App:
    """Build the command tree."""
    app = App(
        name="mdb",
        help="An event store: HTTP in front, SQLite inside or Postgres behind.",
        version=VERSION,
        version_flags=["--version"],
        # Boxes and colours are for people at a terminal.
        help_formatter="default" if sys.stdout.isatty() else "plain",
        result_action="return_value",
    )
    app.command(commands.serve, name="serve")
    app.command(commands.migrate, name="migrate")
    app.command(namespaces.make_app())
    app.command(write.write, name="write")
    app.command(read.read, name="read")
    app.command(tail.tail, name="tail")
    app.command(transfer.export, name="export")
    app.command(transfer.import_, name="import")
    app.command(database.backup, name="backup")
    app.command(database.check, name="check")
    app.command(health.health, name="health")
    app.command(config.make_app())
    app.command(completion.make_command(app), name="completion")
    app.command(commands.version, name="version")
    app.register_install_completion_command(help="Put the shell's completion script in place.")
    return app


def run(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code. A mistake of the user is one line on standard error."""
    try:
        code = make_app()(list(arguments), exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        return _complain(f"{error} See mdb --help.", _USAGE)
    except (ConfigurationError, UsageError) as error:
        return _complain(str(error), _USAGE)
    except Failed as error:
        return _complain(str(error), 1)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (BrokenPipeError, SystemExit) as end:
        # The console that prints help makes the one of the other.
        if not isinstance(end, BrokenPipeError) and not isinstance(
            end.__context__, BrokenPipeError
        ):
            raise
        # The reader has all that it wanted.
        _discard_output()
        return 0
    return code if isinstance(code, int) else 0


def _discard_output() -> None:
    """Let Python's own flush at exit find nothing to complain about."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(text: str, code: int) -> int:
    """Print what is wrong, after what was printed before; return the exit code."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
    print(f"mdb: {redact(' '.join(text.split()))}", file=sys.stderr)
    return code


def main() -> NoReturn:
    """Run the command line; the entry point of the installed programs."""
    sys.exit(run(sys.argv[1:]))
