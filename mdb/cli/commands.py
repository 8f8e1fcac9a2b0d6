"""The commands of the server's side. Everything heavy is imported when a command needs it."""

from __future__ import annotations

from functools import partial

from mdb.cli import server
from mdb.cli.options import flag, takes_settings
from mdb.cli.output import JSON_HELP, Json, write_lines
from mdb.settings import SETTINGS
from mdb.version import VERSION

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
    return server.serve(options)


@takes_settings([*_OF_DATABASE, *_OF_LOG], flag("json", JSON_HELP))
def migrate(*, json: bool = False, **options: object) -> int:
    """Bring the database and all its namespaces to the newest schema, and end.

    May be repeated. A server does the same by itself: the registry when it starts, a namespace
    when it is first used. With --json: an object with how many namespaces were migrated.
    """
    settings = server.load_settings(options)
    from mdb.cli.migrate import migrate_all  # noqa: PLC0415  (heavy)

    return server.run(partial(migrate_all, settings.database, as_json=json))
