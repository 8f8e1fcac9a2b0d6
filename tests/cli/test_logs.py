"""What the server's log looks like, and what never gets into it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from mdb import logs
from mdb.request_context import REQUEST_ID

TOKEN = "ns_ZGVmYXVsdA_" + "0123456789abcdef" * 4


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger apart from all others."""
    logger = logging.Logger("mdb.test", logging.DEBUG)
    yield logger
    logger.handlers.clear()


def attach(logger: logging.Logger, form: logs.LogFormat) -> io.StringIO:
    stream = io.StringIO()
    logger.addHandler(logs.make_handler(form, stream))
    return stream


def test_a_line_is_a_json_object_with_its_time_level_logger_and_fields(
    logger: logging.Logger,
) -> None:
    stream = attach(logger, "json")
    logger.warning("slow %s", "read", extra={"seconds": 1.5})
    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "slow read", "level": "warning", "logger": "mdb.test", "seconds": 1.5}


def test_text_is_for_people(logger: logging.Logger) -> None:
    stream = attach(logger, "text")
    logger.info("serving", extra={"port": 1})
    text = stream.getvalue()
    assert "serving" in text
    assert "port=1" in text
    assert "\x1b" not in text
    assert not text.startswith("{")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_auto_is_text_on_a_terminal_and_json_elsewhere(logger: logging.Logger) -> None:
    piped = attach(logger, "auto")
    terminal = Terminal()
    logger.addHandler(logs.make_handler("auto", terminal))
    logger.info("hello")
    assert piped.getvalue().startswith("{")
    assert not terminal.getvalue().startswith("{")


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_token_and_no_password_gets_through(
    logger: logging.Logger, form: logs.LogFormat
) -> None:
    stream = attach(logger, form)
    logger.error("in the text: %s", TOKEN)
    logger.error('quoted "GET /subscribe?token=%s" and on', "abc")
    logger.error("a field", extra={"headers": {"Authorization": [f"Bearer {TOKEN}"]}})
    logger.error("an object", extra={"error": ValueError(TOKEN)})
    logger.error("postgresql://mdb:hunter2@db/events")
    try:
        int(TOKEN)
    except ValueError:
        logger.exception("failed")
    text = stream.getvalue()
    assert TOKEN[-16:] not in text
    assert "hunter2" not in text
    assert "token=abc" not in text
    assert "ns_ZGVmYXVsdA_***" in text
    if form == "json":
        assert len([json.loads(line) for line in text.splitlines()]) == 6


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_names_the_error_and_shows_no_local_variable(
    logger: logging.Logger, form: logs.LogFormat
) -> None:
    stream = attach(logger, form)
    payload = "pay" + "load-of-a-message"
    try:
        len(payload) / 0
    except ZeroDivisionError:
        logger.exception("failed")
    text = stream.getvalue()
    assert "ZeroDivisionError" in text
    assert "test_a_traceback_names_the_error" in text
    assert "payload-of-a-message" not in text


def test_a_line_carries_the_request_it_was_logged_for(logger: logging.Logger) -> None:
    stream = attach(logger, "json")
    token = REQUEST_ID.set("request-1")
    logger.info("inside")
    REQUEST_ID.reset(token)
    logger.info("outside")
    inside, outside = map(json.loads, stream.getvalue().splitlines())
    assert inside["request_id"] == "request-1"
    assert "request_id" not in outside


def test_what_utf8_cannot_hold_is_logged_all_the_same(logger: logging.Logger) -> None:
    stream = attach(logger, "json")
    logger.info("name %s", "\ud800", extra={"raw": b"\xff"})
    assert json.loads(stream.getvalue())["event"] == "name \\ud800"


@pytest.fixture
def global_logging() -> Iterator[None]:
    """Put back what `configure` changes."""
    root = logging.getLogger()
    names = (None, "mdb", "actors")
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in names]
    handlers = list(root.handlers)
    yield
    root.handlers[:] = handlers
    for logger, level in before:
        logger.setLevel(level)
    logging.captureWarnings(False)


@pytest.mark.usefixtures("global_logging")
def test_the_level_is_ours_and_other_libraries_speak_up_from_warning_on() -> None:
    stream = io.StringIO()
    logs.configure("debug", "json", stream)
    logging.getLogger("mdb.http").debug("ours")
    logging.getLogger("actors.registry").info("ours too")
    logging.getLogger("hypercorn.error").info("theirs, not")
    logging.getLogger("hypercorn.error").warning("theirs")
    logs.configure("error", "json", stream)
    logging.getLogger("mdb.http").warning("below, not")
    events = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert events == ["ours", "ours too", "theirs"]
