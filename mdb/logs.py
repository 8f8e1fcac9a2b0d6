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

import msgspec
import structlog
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from mdb.core.tokens import redact
from mdb.request_context import REQUEST_ID
from mdb.settings.definition import LogFormat, LogLevel
from mdb.settings.urls import mask_url

# Loggers of this project; the others speak up from `warning` on, whatever the level.
_OURS: Final = ("mdb", "actors")

# Frames of a traceback that are logged.
_MAX_FRAMES: Final = 50

# Nesting that is followed when secrets are looked for; below that a value is logged as text.
_MAX_DEPTH: Final = 16

_encode = msgspec.json.Encoder().encode


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
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            # Run for the standard library's records, which is all there is here.
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                _add_request_id,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=_as_text(colors=terminal) if text else _as_json(),
        )
    )
    return handler


def _as_json() -> list[Processor]:
    transform = ExceptionDictTransformer(show_locals=False, max_frames=_MAX_FRAMES)
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        ExceptionRenderer(transform),
        _redact,
        structlog.processors.JSONRenderer(serializer=_to_json),
    ]


def _as_text(*, colors: bool) -> list[Processor]:
    # The traceback is made into text first, so that it passes by `_redact` as well.
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _redact,
        structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback
        ),
    ]


def _add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    request_id = REQUEST_ID.get()
    if request_id is not None:
        event.setdefault("request_id", request_id)
    return event


def _redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: without_secrets(value) for name, value in event.items()}


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


def _to_json(event: EventDict, **_options: object) -> str:
    return _encode(event).decode("utf-8")
