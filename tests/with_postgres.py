"""Run a command with a Postgres: `python -m tests.with_postgres COMMAND [ARGUMENT ...]`.

The command finds the server's URL in `MESSAGEDB_TEST_DB_URL`. Where that is set already nothing is
started; otherwise a server is, the one of the Python tests, and it is removed when the command has
ended, however that came about. Its programs are then in `MESSAGEDB_TEST_PG_BIN`.

Exit status: the command's; 1 where no Postgres can be started, with what to install.
"""

import os
import signal
import subprocess
import sys

from tests.fixtures.postgres_server import CannotRunPostgres, running_server

VARIABLE = "MESSAGEDB_TEST_DB_URL"


def main(command: list[str]) -> int:
    if not command:
        print("usage: python -m tests.with_postgres COMMAND [ARGUMENT ...]", file=sys.stderr)
        return 2
    if os.environ.get(VARIABLE):
        return run(command, {})
    try:
        with running_server() as server:
            found = {VARIABLE: server.url(), "MESSAGEDB_TEST_PG_BIN": str(server.bin)}
            return run(command, found)
    except CannotRunPostgres as exc:
        print(exc, file=sys.stderr)
        return 1


def run(command: list[str], found: dict[str, str]) -> int:
    process = subprocess.Popen(command, env=os.environ | found)
    # Whoever stops this stops the command, and then the server.
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    try:
        status = process.wait()
    except KeyboardInterrupt:  # Ctrl-C went to the command, too: let it end by itself
        status = process.wait()
    return 128 - status if status < 0 else status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
