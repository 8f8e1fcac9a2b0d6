"""`mdb config`: the settings of a server, and where each comes from."""

from __future__ import annotations

import os

import msgspec
from cyclopts import App

from mdb.cli.options import flag, takes_settings
from mdb.cli.output import JSON_HELP, write_json, write_table
from mdb.settings import SETTINGS, load


@takes_settings(SETTINGS, flag("json", JSON_HELP))
def show(*, json: bool = False, **options: object) -> int:
    """Print the settings that a server would be started with here, and where each comes from.

    Secrets are masked. With --json: one object, setting -> {value, source}.
    """
    loaded = load(options, os.environ)
    shown = {
        name: {"value": value, "source": loaded.sources.get(name, "default")}
        for name, value in loaded.settings.masked().items()
    }
    if json:
        write_json(msgspec.json.encode(shown))
        return 0
    rows = [[name, _text(row["value"]), row["source"]] for name, row in shown.items()]
    write_table(["SETTING", "VALUE", "SOURCE"], rows)
    return 0


def _text(value: object) -> str:
    """Write a value as it is written in the environment."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value)


def make_app() -> App:
    """Build the group of commands."""
    app = App(name="config", help="Show a server's settings.")
    app.command(show, name="show")
    return app
