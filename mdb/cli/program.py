"""From the arguments to an exit code: 0 clean, 1 failure, 2 usage or configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from mdb.cli import server
from mdb.cli.direct import serve_options
from mdb.cli.failures import Failed, UsageError
from mdb.core.tokens import redact
from mdb.settings import ConfigurationError

_USAGE = 2
_INTERRUPTED = 130  # what a shell reports for SIGINT


def run(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code. A mistake of the user is one line on standard error."""
    try:
        code = _call(arguments)
        sys.stdout.flush()
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


def _call(arguments: Sequence[str]) -> object:
    options = serve_options(arguments)
    if options is not None:
        return server.serve(options)
    from mdb.cli import tree  # noqa: PLC0415  (heavy)

    return tree.call(arguments)


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
