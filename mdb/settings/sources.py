"""Where settings come from: flag > environment > configuration file > default.

Whatever is set and not known is an error, so that a misspelt name is found at the start and not
in production.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from mdb.settings.definition import ENVIRONMENT_PREFIX, MEMORY_URL, SETTINGS, Setting, Settings
from mdb.settings.values import ConfigurationError, parse

CONFIG_VARIABLE: Final = "MESSAGEDB_CONFIG"

# Names that belong to clients and to tests of them, which may share an environment with a server.
_OF_OTHERS: Final = frozenset({"MESSAGEDB_URL", "MESSAGEDB_TEST_DB_URL", "MESSAGEDB_BIN"})

# What Kubernetes (and Docker's old links) puts into every container beside a service that is
# called messagedb: nobody set it, and it is not about this server's settings.
_OF_KUBERNETES: Final = re.compile(
    r"MESSAGEDB_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_KUBERNETES_PORT: Final = re.compile(r"(tcp|udp|sctp)://.+")

# Bytes of a file that holds one secret.
_SECRET_LIMIT: Final = 64 * 1024

_DB_PARTS: Final = ("db_host", "db_port", "db_name", "db_user", "db_password")

_BY_VARIABLE: Final = {setting.environment: setting for setting in SETTINGS.values()}
_BY_FILE_VARIABLE: Final = {
    f"{setting.environment}_FILE": setting for setting in SETTINGS.values() if setting.secret
}


class Loaded(msgspec.Struct, frozen=True):
    """Settings with where they come from."""

    settings: Settings
    sources: Mapping[str, str]
    """Setting -> flag, variable or file, for those that are not the default."""
    warnings: tuple[str, ...]
    """What the operator may not have meant, one line each."""


def load(flags: Mapping[str, Any], environ: Mapping[str, str]) -> Loaded:
    """Read every source, and check all values.

    Args:
        flags: Setting -> what the command line says, where it says anything; and `config`, the
            path of the configuration file.
        environ: The environment. An empty variable counts as one that is not set.

    Raises:
        ConfigurationError: The first fault found; the message names the setting and the source.
    """
    flags = {name: value for name, value in flags.items() if value is not None}
    environ = {name: value for name, value in environ.items() if value != ""}
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    config = flags.pop("config", None) or environ.get(CONFIG_VARIABLE)
    for setting, raw, source in (
        *(_from_file(config) if config else ()),
        *_from_environment(environ),
        *((SETTINGS[name], raw, SETTINGS[name].flag) for name, raw in flags.items()),
    ):
        # What is overruled is checked too: a fault does not wait until the flag is left out.
        values[setting.name] = parse(setting, raw, source)
        sources[setting.name] = source
    _check_together(values, sources)
    return Loaded(Settings(**values), sources, tuple(_warnings(sources)))


def _from_file(path: str) -> Iterable[tuple[Setting, object, str]]:
    import tomllib  # noqa: PLC0415  (few starts have a file)

    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigurationError("config", path, exc.strerror or "cannot be read") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigurationError("config", path, f"not TOML: {exc}") from exc
    for key, raw in content.items():
        if key not in SETTINGS:
            raise ConfigurationError(key, path, _unknown(key, SETTINGS))
        yield SETTINGS[key], raw, path


def _from_environment(environ: Mapping[str, str]) -> Iterable[tuple[Setting, object, str]]:
    for variable, value in environ.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or _is_of_others(variable, value):
            continue
        if variable in _BY_VARIABLE:
            yield _BY_VARIABLE[variable], value, variable
        elif variable in _BY_FILE_VARIABLE:
            setting = _BY_FILE_VARIABLE[variable]
            if setting.environment in environ:
                problem = f"{setting.environment} is set too; only one of them may be"
                raise ConfigurationError(setting.name, variable, problem)
            yield setting, read_secret(setting, variable, value), variable
        else:
            raise ConfigurationError(
                variable, "the environment", _unknown(variable, [*_BY_VARIABLE, *_BY_FILE_VARIABLE])
            )


def _is_of_others(variable: str, value: str) -> bool:
    if variable == "MESSAGEDB_PORT":
        return _KUBERNETES_PORT.fullmatch(value) is not None
    return (
        variable == CONFIG_VARIABLE
        or variable in _OF_OTHERS
        or _OF_KUBERNETES.fullmatch(variable) is not None
    )


def read_secret(setting: Setting, variable: str, path: str) -> str:
    """Read a secret's file, which `variable` names; the line break at its end does not count.

    Raises `ConfigurationError`, which never quotes what the file holds.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(_SECRET_LIMIT + 1)
    except OSError as exc:
        problem = f"{path}: {exc.strerror or 'cannot be read'}"
        raise ConfigurationError(setting.name, variable, problem) from exc
    try:
        secret = content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigurationError(setting.name, variable, f"{path}: not UTF-8") from None
    if not secret or len(content) > _SECRET_LIMIT:
        problem = f"{path}: expected 1 to {_SECRET_LIMIT} bytes"
        raise ConfigurationError(setting.name, variable, problem)
    return secret


def _unknown(name: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415  (for mistakes only)

    close = difflib.get_close_matches(name, list(known), n=1)
    return f"there is no such setting{f'; did you mean {close[0]}?' if close else ''}"


def _check_together(values: Mapping[str, Any], sources: Mapping[str, str]) -> None:
    """Refuse values that are sound alone and contradict each other."""
    if values.get("test_mode"):
        for name in ("db_url", "db_host"):
            if values.get(name) not in (None, MEMORY_URL):
                problem = "test mode keeps everything in memory; set only one of the two"
                raise ConfigurationError(name, sources[name], problem)
    # Whoever names a database on the command line means that one, and not what else is set.
    for name in ("data_dir", *_DB_PARTS):
        other = "db_host" if name == "data_dir" and "db_url" not in values else "db_url"
        if sources.get(name) == SETTINGS[name].flag and other in values:
            problem = f"would not be used: {other} is set (from {sources[other]})"
            raise ConfigurationError(name, sources[name], problem)
    if "db_url" not in values and "db_host" not in values:
        for name in _DB_PARTS:
            if name in values:
                problem = f"is of use only with {SETTINGS['db_host'].environment} (or its flag)"
                raise ConfigurationError(name, sources[name], problem)


def _warnings(sources: Mapping[str, str]) -> Iterable[str]:
    if "db_url" in sources:
        for name in _DB_PARTS:
            if name in sources:
                source, url = sources[name], sources["db_url"]
                yield f"{name} (from {source}) is not used: the URL is set (from {url})"
