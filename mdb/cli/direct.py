"""The options of `mdb serve`, read without the library that reads all other command lines.

That library and the commands it is told of take longer to import than the whole server, and
`mdb serve` should listen soon. So what can only be meant in one way is read here; whatever else
there may be (help, abbreviations, mistakes) is left to the library, which then says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from mdb.settings import SETTINGS

_Given: TypeAlias = str | bool | list[str]

_CONFIG: Final = "--config"
_ON: Final = {s.flag: s.name for s in SETTINGS.values() if isinstance(s.default, bool)}
_OFF: Final = {f"--no-{flag[2:]}": name for flag, name in _ON.items()}
_SWITCHES: Final = {**dict.fromkeys(_ON, True), **dict.fromkeys(_OFF, False)}
_LISTS: Final = {s.flag for s in SETTINGS.values() if isinstance(s.default, tuple)}
_NAMES: Final = {_CONFIG: "config", **{s.flag: s.name for s in SETTINGS.values()}, **_OFF}


def serve_options(arguments: Sequence[str]) -> dict[str, _Given] | None:
    """Return what a command line gives `serve`; None where the library has to look at it.

    Name of a setting, or `config`, -> a text, a switch's state, or a list of texts. Taken are
    `--name value`, `--name=value`, `--switch` and `--no-switch`, in full and each once (but for
    lists), with values that are not empty and look neither like an option nor like JSON.
    """
    if not arguments or arguments[0] != "serve":
        return None
    found: dict[str, _Given] = {}
    words = iter(arguments[1:])
    for word in words:
        flag, equals, value = word.partition("=")
        name = _NAMES.get(flag)
        if name is None:
            return None
        if flag in _SWITCHES:
            if equals or name in found:
                return None
            found[name] = _SWITCHES[flag]
            continue
        value = value if equals else next(words, "")
        if not value or value[0] in "-[{":
            return None
        if flag in _LISTS:
            known = found.setdefault(name, [])
            assert isinstance(known, list)
            known.append(value)
        elif name in found:
            return None
        else:
            found[name] = value
    return found
