"""From what a source says to a checked value of a setting. Pure."""

from __future__ import annotations

import math
import types
from typing import Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from mdb.core import tokens
from mdb.core.errors import AuthInvalidToken
from mdb.core.urls import postgres_fault
from mdb.settings.definition import Setting
from mdb.settings.urls import url_fault


class ConfigurationError(Exception):
    """A setting cannot be used. The message is one line and names the setting and its source."""

    def __init__(self, setting: str, source: str | None, problem: str) -> None:
        """`source`: the flag, variable or file that the value came from, None for none."""
        self.setting = setting
        self.source = source
        super().__init__(f"{setting}{f' (from {source})' if source else ''}: {problem}")


def parse(setting: Setting, raw: object, source: str) -> Any:  # noqa: ANN401  (of the setting's type)
    """Convert and check a value. Raises `ConfigurationError`, which never quotes a secret."""
    value = _cleaned(setting, raw)
    try:
        value = msgspec.convert(value, setting.type, strict=not isinstance(raw, str))
    except msgspec.ValidationError:
        got = "" if setting.secret else f", got {_shortened(raw)}"
        problem = f"expected {expectation(setting.type)}{got}"
        raise ConfigurationError(setting.name, source, problem) from None
    fault = _fault(setting.name, value)
    if fault is not None:
        raise ConfigurationError(setting.name, source, fault)
    return value


def _cleaned(setting: Setting, raw: object) -> object:
    if setting.name == "cors_origin":
        # One string may hold several: the environment has no lists.
        parts = raw.split(",") if isinstance(raw, str) else raw
        if isinstance(parts, list | tuple):
            return [part.strip() if isinstance(part, str) else part for part in parts if part != ""]
    if setting.name in ("log_level", "log_format", "listen") and isinstance(raw, str):
        return raw.lower()
    return raw


_NOT_POSTGRES = "expected postgresql://..."


def _fault(name: str, value: object) -> str | None:
    """Say what is wrong with a value of the right type, None for nothing."""
    if isinstance(value, float) and not math.isfinite(value):
        return "expected a finite number"
    if name == "db_url" and isinstance(value, str):
        return url_fault(value)
    if name == "listen_url" and isinstance(value, str):
        whole = value.startswith(("postgresql://", "postgres://"))
        return postgres_fault(value) if whole else _NOT_POSTGRES
    if name == "token" and isinstance(value, str):
        return _token_fault(value)
    if name == "cors_origin" and isinstance(value, tuple):
        return next((fault for origin in value if (fault := _origin_fault(origin))), None)
    return None


def _token_fault(token: str) -> str | None:
    form = "expected a token of the form ns_ZGVmYXVsdA_<64 hex digits>"
    try:
        named = tokens.parse(token).namespace
    except AuthInvalidToken:
        return form
    return None if named == "default" else f"{form}, got one of the namespace {named}"


def _origin_fault(origin: str) -> str | None:
    if origin in ("*", "null"):
        return None
    try:
        parts = urlsplit(origin)
        plain = f"{parts.scheme}://{parts.netloc}"
        usable = parts.hostname and (parts.port is None or parts.port > 0) and origin == plain
    except ValueError:
        usable = False
    if usable:
        return None
    # A browser sends the origin in exactly this form; anything else would never match.
    return f"expected * or scheme://host[:port] in lower case, got {_shortened(origin)}"


def expectation(annotation: Any) -> str:  # noqa: ANN401  (a type form)
    """Say in words what a type takes."""
    base, meta = annotation.__origin__, annotation.__metadata__[0]
    if get_origin(base) in (Union, types.UnionType):
        base = next(arm for arm in get_args(base) if arm is not type(None))
    if get_origin(base) is Literal:
        return f"one of {', '.join(get_args(base))}"
    if base is bool:
        return "true or false"
    if base in (int, float):
        return f"{'an integer' if base is int else 'a number'}{_range(meta)}"
    return "a list of texts" if get_origin(base) is tuple else "a text that is not empty"


def _range(meta: Meta) -> str:
    if meta.gt is not None:
        return f" above {meta.gt}, at most {meta.le}"
    return f" from {meta.ge} to {meta.le}"


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
