"""How a line of the log comes about: structlog's processors, and ours among them.

Imported with the first line that is logged, and not before: it takes longer to import than the
server takes to open a database.
"""

from __future__ import annotations

from typing import Final

import msgspec
import structlog
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from mdb.logs import without_secrets
from mdb.request_context import REQUEST_ID

# Frames of a traceback that are logged.
_MAX_FRAMES: Final = 50

_encode = msgspec.json.Encoder().encode


def formatter(*, text: bool, colors: bool) -> structlog.stdlib.ProcessorFormatter:
    """Build the formatter of text, or of JSON lines."""
    return structlog.stdlib.ProcessorFormatter(
        # Run for the standard library's records, which is all there is here.
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            _add_request_id,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=_as_text(colors=colors) if text else _as_json(),
    )


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


def _to_json(event: EventDict, **_options: object) -> str:
    return _encode(event).decode("utf-8")
