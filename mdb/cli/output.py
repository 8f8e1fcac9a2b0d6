"""What the commands print: JSON for programs, tables for people."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, TypeAlias

from cyclopts import Parameter

JSON_HELP = "Print JSON, for programs."

Json: TypeAlias = Annotated[
    bool, Parameter(name="--json", help=JSON_HELP, negative=(), show_default=False)
]
"""The option `--json` of a command; its docstring says what is printed then."""

# Control characters, C1 included: a terminal may take them as commands.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Return a text that does nothing to a terminal but be read."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def write_json(document: bytes) -> None:
    """Print a JSON document that is on one line already."""
    sys.stdout.buffer.write(document + b"\n")


def write_lines(lines: Iterable[str]) -> None:
    """Print lines, in UTF-8 whatever the terminal says it is, as JSON is."""
    text = "".join(f"{line}\n" for line in lines)
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))


def write_pairs(pairs: Sequence[tuple[str, object]]) -> None:
    """Print names with their values; what is None is left out."""
    shown = [(name, _cell(value)) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in shown), default=0)
    write_lines(f"{name:<{width}}  {value}" for name, value in shown)


def write_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under a header, numbers to the right; at a terminal so that they fit it."""
    cells = [[_cell(value) for value in row] for row in rows]
    numeric = [
        bool(cells) and all(row[i].isdecimal() or not row[i] for row in cells)
        for i in range(len(header))
    ]
    if sys.stdout.isatty():
        _write_rich(header, cells, numeric)
        return
    widths = [max(len(row[i]) for row in [header, *cells]) for i in range(len(header))]
    write_lines(
        "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in [header, *cells]
    )


def _write_rich(
    header: Sequence[str], cells: Iterable[Sequence[str]], numeric: Sequence[bool]
) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415  (heavy, and for terminals only)
    from rich.console import Console  # noqa: PLC0415  (heavy, and for terminals only)
    from rich.table import Table  # noqa: PLC0415  (heavy, and for terminals only)
    from rich.text import Text  # noqa: PLC0415  (heavy, and for terminals only)

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title, right in zip(header, numeric, strict=True):
        table.add_column(title, justify="right" if right else "left", overflow="fold")
    for row in cells:
        # As texts: what looks like markup in them is not.
        table.add_row(*(Text(text) for text in row))
    Console().print(table)


def _cell(value: object) -> str:
    return "" if value is None else printable(str(value))
