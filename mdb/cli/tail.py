"""`mdb tail`: messages as they come.

The server pokes: it says where a message is, not what is in it. Each poke above what was printed
makes the command read on from there, so nothing is left out or printed twice, however often the
connection breaks in between.
"""

from __future__ import annotations

import random
import re
import sys
import time
from dataclasses import replace
from typing import Annotated, Final

from cyclopts import Parameter

from mdb.cli import messages
from mdb.cli.client import Client, Lost, Refused, Unreachable
from mdb.cli.failures import Failed, UsageError
from mdb.cli.output import Json
from mdb.cli.remote import DEFAULT_REMOTE, Remote
from mdb.cli.selection import NOTHING, PAGE, Selection, Source
from mdb.cli.sse import Event, Events

# Seconds before connecting again: as the server says, then twice as long each time, up to these.
_RETRY: Final = 1.0
_LONGEST_RETRY: Final = 30.0

# Seconds without a byte after which the connection counts as lost: the server breaks its silence
# every 15, if it is not set up otherwise.
_SILENCE: Final = 60.0

# A server that is restarted or busy answers with these for a while.
_PASSING: Final = frozenset(("OVERLOADED", "BACKEND_UNAVAILABLE", "TIMEOUT"))

_POSITION: Final = re.compile(r"-?[0-9]{1,18}")


def tail(
    stream: Annotated[str | None, Parameter(help="Name of the stream.")] = None,
    /,
    *,
    selection: Selection = NOTHING,
    position: Annotated[
        str | None,
        Parameter(
            help="Where to begin, inclusive: a position of the stream, else a global position, or "
            "end: only what comes from now on. [default: the beginning]",
            allow_leading_hyphen=True,
        ),
    ] = None,
    json: Json = False,
    remote: Remote = DEFAULT_REMOTE,
) -> int:
    """Print messages and go on printing what is written, until Ctrl-C.

    Lines as of read. Where the connection breaks it is made again, and what was missed is printed.
    With --json: an object a line (NDJSON).
    """
    start: int | str | None = position
    if position not in (None, "end"):
        if not _POSITION.fullmatch(str(position)):
            raise UsageError(f"--position: expected a position or end, got {position}")
        start = max(int(str(position)), 0)
    source = selection.of(stream)
    target = remote.target()
    patient = replace(target, timeout=max(target.timeout, _SILENCE))
    with Client(target) as reads, Client(patient) as events:
        tailing = _Tail(source, start, reads, as_json=json)
        try:
            tailing.run(events)
        except KeyboardInterrupt:
            # This is how it is meant to end.
            return 0
    return 0


class _Tail:
    """How far the output has come. `seen`: nothing at or below it is still to be printed."""

    def __init__(
        self, source: Source, start: int | str | None, reads: Client, *, as_json: bool
    ) -> None:
        self._source = source
        self._start = start
        self._reads = reads
        self._as_json = as_json
        self._seen: int | None = None

    def run(self, events: Client) -> None:
        """Follow for ever. Raises `Failed` where there is nothing left to follow."""
        if self._start == "end":
            # Found out once, and not by each connection: nothing is missed between two of them.
            self._seen = self._source.end(self._reads)
        connected = lost = False
        pause = _RETRY
        while True:
            parser = Events()
            try:
                for piece in events.follow(self._path(), self._headers()):
                    if lost:
                        _note("connected again")
                        lost = False
                    connected, pause = True, _RETRY
                    for event in parser.feed(piece):
                        self._take(event)
            except (Lost, Unreachable, Refused) as failure:
                passing = not isinstance(failure, Refused) or failure.code in _PASSING
                if not connected or not passing:
                    raise
            except ValueError as exc:
                raise Failed(f"{events.target.url}: not a stream of events: {exc}") from exc
            if not lost:
                _note("the connection was lost; trying again")
                lost = True
            if parser.retry is not None:
                pause = min(parser.retry / 1000, _LONGEST_RETRY)
            # Not all clients of a server that was restarted at once.
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  (no secret)
            pause = min(pause * 2, _LONGEST_RETRY)

    def _path(self) -> str:
        return self._source.subscription(self._start)

    def _headers(self) -> dict[str, str]:
        accept = {"Accept": "text/event-stream"}
        return accept if self._seen is None else {**accept, "Last-Event-ID": str(self._seen)}

    def _take(self, event: Event) -> None:
        if event.name == "gone":
            raise Failed("the namespace was deleted, or its token was replaced")
        if event.name == "reset":
            _note("the server has another history than before; beginning anew")
            self._seen = None
        elif event.id and event.id.isdecimal():
            if event.name == "poke":
                self._print(int(event.id))
            self._seen = max(int(event.id), self._seen or 0)

    def _print(self, poked: int) -> None:
        """Print what is not printed yet, up to the message poked and whatever is there by now."""
        while self._seen is None or self._seen < poked:
            options: dict[str, int]
            if self._seen is None:
                # The first of all: what the server pokes first is where it begins.
                options = {"globalPosition": poked}
            else:
                options = {"globalPosition": self._seen + 1}
            page = self._source.fetch(self._reads, options, PAGE)
            messages.write(page, as_json=self._as_json)
            self._seen = max(page[-1].global_position if page else 0, self._seen or 0)
            if len(page) < PAGE:
                # The message poked may be of a type that is not wanted.
                self._seen = max(self._seen, poked)


def _note(text: str) -> None:
    print(f"mdb: {text}", file=sys.stderr, flush=True)
