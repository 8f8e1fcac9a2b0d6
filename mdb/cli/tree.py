"""The tree of commands, and the library that reads command lines and writes help."""

from __future__ import annotations

import sys
from collections.abc import Sequence

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
from mdb.cli.failures import UsageError
from mdb.version import VERSION


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


def call(arguments: Sequence[str]) -> object:
    """Run the command that the arguments name; return what it returns.

    Raises `UsageError` where they make no sense, and what the command raises.
    """
    try:
        return make_app()(list(arguments), exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise UsageError(f"{error} See mdb --help.") from error
