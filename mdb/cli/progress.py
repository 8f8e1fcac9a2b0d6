"""How far an import has come: a line that changes at a terminal, lines now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Final, TextIO

# Seconds between two looks of a person, and between two lines of a log.
_REDRAW: Final = 0.1
_LINE: Final = 5.0

_WIDTH: Final = 24


class Progress:
    """Told of bytes sent and messages staged, it writes to standard error."""

    def __init__(self, total: int | None, stream: TextIO | None = None) -> None:
        """`total`: bytes to be sent in all, None where that is not known."""
        self.sent = 0
        self.imported = 0
        self.total = total
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._begun = self._shown = time.monotonic()
        self._width = 0

    def show(self) -> None:
        """Write how far it is, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._shown >= (_REDRAW if self._live else _LINE):
            self._shown = now
            self._write(self._text(now - self._begun))

    def clear(self) -> None:
        """Take away what changes, so that something else can be said."""
        if self._live and self._width:
            self._stream.write("\r" + " " * self._width + "\r")
            self._stream.flush()
            self._width = 0

    def _write(self, text: str) -> None:
        if self._live:
            self._stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            self._stream.write(f"mdb: {text}\n")
        self._stream.flush()

    def _text(self, seconds: float) -> str:
        parts = [f"{self.imported:,} messages", f"{self.imported / seconds:,.0f}/s"]
        if self.total:
            done = min(self.sent / self.total, 1.0)
            if self._live:
                filled = round(_WIDTH * done)
                parts.insert(0, f"[{'#' * filled}{'.' * (_WIDTH - filled)}]")
            parts.insert(1, f"{done:.0%}")
            if done >= 1:
                parts.append("all sent, being taken in")
            elif done:
                parts.append(f"{_duration(seconds / done - seconds)} left")
        return "  ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
