"""The server's log: everything that the libraries say, as JSON lines or as text, on standard error.

Modules log through `logging.getLogger("mdb...")` and configure nothing; only the server's process
calls `configure`. Whatever goes through here is stripped of tokens and passwords; payloads are
never given to it, and tracebacks come without local variables, which would hold both.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Final, TextIO

from mdb.core.tokens import redact
from mdb.settings.definition import LogFormat, LogLevel
from mdb.settings.urls import mask_url

# Loggers of this project; the others speak up from `warning` on, whatever the level.
_OURS: Final = ("mdb", "actors")

# Nesting that is followed when secrets are looked for; below that a value is logged as text.
_MAX_DEPTH: Final = 16


def configure(level: LogLevel, form: LogFormat, stream: TextIO | None = None) -> None:
    """Send the whole process's log to `stream` (standard error), replacing what was configured.

    `auto` is text where the stream is a terminal, otherwise JSON lines.
    """
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(make_handler(form, sys.stderr if stream is None else stream))
    ours = getattr(logging, level.upper())
    root.setLevel(max(ours, logging.WARNING))
    for name in _OURS:
        logging.getLogger(name).setLevel(ours)
    logging.captureWarnings(capture=True)


def make_handler(form: LogFormat, stream: TextIO) -> logging.Handler:
    """Build the handler that writes the log's lines to a stream."""
    terminal = stream.isatty()
    text = form == "text" or (form == "auto" and terminal)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_DeferredFormatter(text=text, colors=terminal))
    return handler


class _DeferredFormatter(logging.Formatter):
    """Makes the formatter when the first line is logged: see `log_lines`."""

    def __init__(self, *, text: bool, colors: bool) -> None:
        super().__init__()
        self._text = text
        self._colors = colors
        self._made: logging.Formatter | None = None

    def format(self, record: logging.LogRecord) -> str:
        # Under its handler's lock.
        if self._made is None:
            from mdb.log_lines import formatter  # noqa: PLC0415  (heavy)

            self._made = formatter(text=self._text, colors=self._colors)
        return self._made.format(record)


def without_secrets(value: object, depth: int = _MAX_DEPTH) -> object:
    """Return a value for the log: plain, tokens and the passwords of URLs masked in every text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth > 0 and isinstance(value, Mapping):
        return {redact(str(k)): without_secrets(v, depth - 1) for k, v in value.items()}
    if depth > 0 and isinstance(value, list | tuple | set | frozenset):
        return [without_secrets(item, depth - 1) for item in value]
    text = value if isinstance(value, str) else repr(value)
    # Lone surrogates, from a client's text or a file's name, have no place in UTF-8.
    return mask_url(redact(text)).encode("utf-8", "backslashreplace").decode("utf-8")
