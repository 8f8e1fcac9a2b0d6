"""Which server a command talks to, and as whom."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlsplit

from cyclopts import Parameter

from mdb.cli.failures import Failed, UsageError
from mdb.core import tokens
from mdb.core.errors import AuthInvalidToken
from mdb.settings import SETTINGS
from mdb.settings.sources import read_secret
from mdb.settings.urls import mask_url

URL_VARIABLE: Final = "MESSAGEDB_URL"

# Seconds that a server may be silent before a command gives up: its own deadline for a request is
# 30 by default, and a write waits 5 more for an outcome.
TIMEOUT: Final = 60.0

_PORT: Final = re.compile(r"[0-9]{1,5}")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Remote:
    """The options of every command that talks to a server."""

    url: Annotated[
        str | None,
        Parameter(
            help=f"Server to talk to. [env: {URL_VARIABLE}] "
            "[default: http://127.0.0.1:8080, or the port of MESSAGEDB_PORT]"
        ),
    ] = None
    token: Annotated[
        str | None,
        Parameter(help="Token to show to it. [env: MESSAGEDB_TOKEN, MESSAGEDB_TOKEN_FILE]"),
    ] = None
    timeout: Annotated[
        float | None,
        Parameter(
            help=f"Silence of the server after which to give up, in seconds. [default: {TIMEOUT:g}]"
        ),
    ] = None

    def target(self, environ: Mapping[str, str] | None = None, limit: float = TIMEOUT) -> Target:
        """Put the options and the environment together.

        `limit`: the timeout where none is given. Raises `UsageError`, `ConfigurationError`.
        """
        environ = os.environ if environ is None else environ
        url = self.url or environ.get(URL_VARIABLE) or _default_url(environ)
        timeout = limit if self.timeout is None else self.timeout
        if not 0 < timeout <= 86_400:
            raise UsageError("--timeout must be above 0 and at most 86400")
        return Target.parse(url, self.token or _token(environ), timeout)


DEFAULT_REMOTE: Final = Remote()
"""What a command is called with where no option is given."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A server's address, and what is said to it. Printed, it shows no token."""

    secure: bool
    host: str
    port: int
    prefix: str
    """What stands before every path, for a server behind a proxy; empty or beginning with `/`."""
    token: str | None
    timeout: float
    """Seconds."""

    @classmethod
    def parse(cls, url: str, token: str | None, timeout: float) -> Target:
        """Take an address apart. Raises `UsageError`."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise UsageError(f"--url: not a URL: {mask_url(url)}") from None
        fault = parts.query or parts.fragment or parts.username is not None
        if parts.scheme not in ("http", "https") or not parts.hostname or fault:
            raise UsageError(f"--url: expected http://HOST:PORT, got {mask_url(url)}")
        secure = parts.scheme == "https"
        if token is not None and not (token.isascii() and token.isprintable()):
            raise UsageError("--token: not of a token's form")
        return cls(
            secure=secure,
            host=parts.hostname,
            port=port if port is not None else (443 if secure else 80),
            prefix=parts.path.rstrip("/"),
            token=token,
            timeout=timeout,
        )

    @property
    def url(self) -> str:
        """The address as one text."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' * self.secure}://{host}:{self.port}{self.prefix}"

    def own_namespace(self) -> str:
        """Return the namespace that the token is for. Raises `Failed` where there is no token."""
        if self.token is None:
            raise Failed("AUTH_REQUIRED: a token is needed: --token or MESSAGEDB_TOKEN")
        try:
            return tokens.parse(self.token).namespace
        except AuthInvalidToken as exc:
            raise Failed(f"{exc.code}: {exc.message}") from exc

    def __repr__(self) -> str:
        """Show the address."""
        return f"Target({self.url})"


def _default_url(environ: Mapping[str, str]) -> str:
    # A server that is set up by the same environment, as in its container, may be elsewhere.
    port = environ.get("MESSAGEDB_PORT", "")
    return f"http://127.0.0.1:{port if _PORT.fullmatch(port) and int(port) else 8080}"


def _token(environ: Mapping[str, str]) -> str | None:
    token = environ.get("MESSAGEDB_TOKEN")
    path = environ.get("MESSAGEDB_TOKEN_FILE")
    if token and path:
        raise UsageError("MESSAGEDB_TOKEN and MESSAGEDB_TOKEN_FILE are both set; only one may be")
    if path:
        return read_secret(SETTINGS["token"], "MESSAGEDB_TOKEN_FILE", path)
    return token or None
