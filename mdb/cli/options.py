"""The settings as options of a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from cyclopts import Parameter

from mdb.settings import SETTINGS, Setting
from mdb.settings.sources import CONFIG_VARIABLE


def takes_settings(
    names: Iterable[str], *also: inspect.Parameter
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command that takes `**options` one option for each setting named, and `--config`.

    The options are texts here, None where they are not given: the settings themselves convert
    them, so that a flag, a variable and a key of the file are judged and refused alike. `also`:
    parameters of the command's own, before them.
    """

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        text = f"TOML file with settings, by their names. [env: {CONFIG_VARIABLE}]"
        config = Parameter(name="--config", help=text, allow_leading_hyphen=True)
        options = [*also, _option("config", str | None, config)]
        options += [_of_setting(SETTINGS[name]) for name in names]
        signature = inspect.Signature(options, return_annotation=int)
        command.__signature__ = signature  # type: ignore[attr-defined]
        command.__annotations__ = {option.name: option.annotation for option in options}
        return command

    return decorate


def _of_setting(setting: Setting) -> inspect.Parameter:
    kind: object = str | None
    negative: tuple[str, ...] = ()
    if isinstance(setting.default, bool):
        kind, negative = bool | None, (f"--no-{setting.flag[2:]}",)
    elif isinstance(setting.default, tuple):
        kind = list[str] | None
    parameter = Parameter(
        name=setting.flag,
        help=setting.help,
        negative=negative,
        show_default=False,
        # A value may begin with a dash: `--port -1` is a bad port, not a missing one.
        allow_leading_hyphen=kind == str | None,
    )
    return _option(setting.name, kind, parameter)


def _option(name: str, kind: object, parameter: Parameter) -> inspect.Parameter:
    annotation: Any = Annotated[kind, parameter]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )


def flag(name: str, text: str) -> inspect.Parameter:
    """Return a command's own switch, off by default; `text`: its help."""
    annotation: Any = Annotated[bool, Parameter(help=text, negative=(), show_default=False)]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation
    )


def option(name: str, text: str, default: str | None = None) -> inspect.Parameter:
    """Return a command's own option with a text; `text`: its help."""
    annotation: Any = Annotated[str if default else str | None, Parameter(help=text)]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def argument(name: str, text: str) -> inspect.Parameter:
    """Return a command's own argument, a text that must be given; `text`: its help."""
    annotation: Any = Annotated[str, Parameter(help=text)]
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_ONLY, annotation=annotation)
