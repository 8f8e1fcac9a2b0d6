"""A headless Chromium, told what to do over its DevTools protocol, by pipe."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Seconds that anything asked of the browser may take before a test fails.
LIMIT = 30.0

_OPTIONS = (
    "--headless",
    # Needs rights that a container or an ordinary user may not have; it opens our own pages only.
    "--no-sandbox",
    "--no-zygote",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--remote-debugging-pipe",
)


class BrowserError(Exception):
    """The browser refused a command, or a script in a page threw."""


class Browser:
    """A running browser. Commands wait for their answers; what it says besides is left out."""

    def __init__(self, commands: int, answers: int, log: Path) -> None:
        """File descriptors to write commands to and to read answers from."""
        self._commands = commands
        self._answers = answers
        self._log = log
        self._last = 0
        self._buffer = b""

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Give a command and return its result. Raises `BrowserError`."""
        self._last += 1
        command = {"id": self._last, "method": method, "params": params}
        if session is not None:
            command["sessionId"] = session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        deadline = time.monotonic() + LIMIT
        while True:
            answer = json.loads(self._next(deadline, method))
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self, deadline: float, method: str) -> bytes:
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            readable = left > 0 and select.select([self._answers], [], [], left)[0]
            piece = os.read(self._answers, 1 << 20) if readable else b""
            assert piece, f"no answer to {method}; the browser says: {self._log.read_text()}"
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        return message

    def open(self, url: str) -> Page:
        """Open a page and wait until it is loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        page = Page(self, attached["sessionId"])
        page.go(url)
        return page


class Page:
    """One page."""

    def __init__(self, browser: Browser, session: str) -> None:
        """Made by `Browser.open`."""
        self._browser = browser
        self._session = session

    def go(self, url: str) -> None:
        """Load another address into the page."""
        call, session = self._browser.call, self._session
        result = call("Page.navigate", session, url=url)
        assert "errorText" not in result, result
        origin = "/".join(url.split("/")[:3])
        loaded = f"location.origin === {json.dumps(origin)} && document.readyState === 'complete'"
        deadline = time.monotonic() + LIMIT
        while not self.run(loaded):
            assert time.monotonic() < deadline, f"{url} is not loaded"

    def run(self, script: str) -> Any:
        """Evaluate an expression, wait for the promise that it may be; return its JSON value."""
        result = self._browser.call(
            "Runtime.evaluate",
            self._session,
            expression=script,
            awaitPromise=True,
            returnByValue=True,
        )
        if "exceptionDetails" in result:
            raise BrowserError(json.dumps(result["exceptionDetails"]))
        return result["result"].get("value")


@contextlib.contextmanager
def running_browser(program: str) -> Iterator[Browser]:
    """Start a browser; it is ended with all its processes."""
    with contextlib.ExitStack() as stack:
        scratch = tempfile.TemporaryDirectory(prefix="mdb-browser-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(scratch))
        its_input, commands = _pipe(stack)
        answers, its_output = _pipe(stack)
        log = folder / "log"
        # It reads commands from file descriptor 3 and answers on 4.
        pid = os.posix_spawn(
            program,
            [program, *_OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
            _environment(Path(program).resolve().parent, folder),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                (os.POSIX_SPAWN_DUP2, its_input, 3),
                (os.POSIX_SPAWN_DUP2, its_output, 4),
            ],
            setpgroup=0,
        )
        try:
            os.close(its_input)
            os.close(its_output)
            yield Browser(commands, answers, log)
        finally:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _pipe(stack: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe whose ends do not have the low numbers that the browser expects others at."""
    ends = []
    for low in os.pipe():
        ends.append(fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, 10))
        os.close(low)
        stack.callback(_close, ends[-1])
    return ends[0], ends[1]


def _close(end: int) -> None:
    with contextlib.suppress(OSError):
        os.close(end)


def _environment(beside: Path, home: Path) -> dict[str, str]:
    """The libraries and fonts that an unpacked Chromium brings stand beside it."""
    env = {**os.environ, "HOME": str(home)}
    if (beside / "fonts.conf").is_file():
        env["LD_LIBRARY_PATH"] = str(beside / "lib")
        env["FONTCONFIG_FILE"] = str(beside / "fonts.conf")
    return env
