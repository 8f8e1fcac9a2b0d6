"""Database URLs: composing, checking, and masking them. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from mdb.core.urls import postgres_fault

_POSTGRES_SCHEMES = ("postgresql", "postgres")

# The password of `user:password@`, also in a text around the URL. Greedy up to the last `@` of
# the authority: a password with an unescaped `@` must not show its tail.
_USER_PASSWORD = re.compile(
    r"(?P<before>\b[a-z][a-z0-9+.-]*://[^\s:/?#@]*:)[^\s/?#]*(?P<at>@)", re.IGNORECASE
)
_QUERY_PASSWORD = re.compile(r"(?P<before>[?&](?:password|sslpassword)=)[^\s&#\"']*", re.IGNORECASE)


def mask_url(text: str) -> str:
    """Return the text with the passwords of all URLs in it masked."""
    text = _USER_PASSWORD.sub(r"\g<before>***\g<at>", text)
    return _QUERY_PASSWORD.sub(r"\g<before>***", text)


def postgres_url(
    hosts: str, port: int, name: str | None, user: str | None, password: str | None
) -> str:
    """Compose a Postgres URL; `hosts` may be several, with commas, all on the same port."""
    authority = ",".join(f"{_bracketed(host.strip())}:{port}" for host in hosts.split(","))
    if user is not None or password is not None:
        secret = "" if password is None else ":" + quote(password, safe="")
        authority = f"{quote(user or '', safe='')}{secret}@{authority}"
    return f"postgresql://{authority}/{quote(name or '', safe='')}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def url_fault(url: str) -> str | None:
    """Say what is wrong with a database URL, without quoting it; None for nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return postgres_fault(url)
    if parts.scheme == "sqlite":
        other = parts.netloc or parts.query or parts.fragment
        if url != "sqlite://:memory:" and (other or not parts.path.strip("/")):
            return "expected sqlite:///DIRECTORY (? and # percent-encoded) or sqlite://:memory:"
        return None
    if parts.scheme in _POSTGRES_SCHEMES:
        whole = url.startswith(f"{parts.scheme}://")
        return postgres_fault(url) if whole else "expected postgresql://..."
    return "expected sqlite:///DIRECTORY, sqlite://:memory: or postgresql://..."
