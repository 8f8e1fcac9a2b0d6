"""The command line: `mdb`, also installed as `messagedb`."""

from mdb.cli.program import main

__all__ = ["main"]
