"""What was measured, in the form that is printed, stored and compared with a baseline."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

Better: TypeAlias = Literal["higher", "lower"]


class Spread(msgspec.Struct, frozen=True):
    """The median of all rounds, the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value."""
        return cls(statistics.median(values), min(values), max(values))


class Side(msgspec.Struct, frozen=True):
    """One of two things that were timed in turns."""

    name: str
    unit: str
    value: Spread
    note: str = ""
    """What else is worth knowing of it."""


class Result(msgspec.Struct, frozen=True):
    """One figure: a ratio of two sides, or, with one side or none, an amount."""

    key: str
    """Names it in the baseline: the subject, a dot, what was measured."""
    title: str
    value: Spread
    unit: str
    """Of `value`: `x` for a ratio."""
    better: Better
    sides: tuple[Side, ...] = ()
    target: float | None = None
    """The least (or, where lower is better, the most) that it must reach."""
    compared: bool = True
    """Whether a baseline holds it: what depends on the machine alone is not."""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        if self.better == "higher":
            return self.value.median >= self.target
        return self.value.median <= self.target


def text(result: Result) -> str:
    """Return the lines that say what came of one measurement."""
    lines = [result.title]
    lines += [_line(side.name, side.value, side.unit, side.note) for side in result.sides]
    verdict = ""
    if result.target is not None:
        bound = "at least" if result.better == "higher" else "at most"
        verdict = f"{bound} {_number(result.target)} {result.unit}"
        verdict += ": met" if result.met else ": MISSED"
    name = "ratio" if result.unit == "x" else result.key
    lines.append(_line(name, result.value, result.unit, verdict))
    return "\n".join(lines) + "\n"


def _line(name: str, value: Spread, unit: str, note: str) -> str:
    spread = f"({_number(value.low)} to {_number(value.high)})"
    return f"  {name:<46} {_number(value.median):>9} {unit:<3} {spread:<22} {note}".rstrip()


def _number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def summary(results: Sequence[Result]) -> str:
    """Return one line for each figure that has a target, and how many were met."""
    judged = [result for result in results if result.met is not None]
    lines = []
    for result in judged:
        bound = "≥" if result.better == "higher" else "≤"
        assert result.target is not None
        lines.append(
            f"  {'met   ' if result.met else 'MISSED'} {result.title[:72]:<72} "
            f"{_number(result.value.median):>7} {result.unit:<3} "
            f"({bound} {_number(result.target)})"
        )
    missed = sum(not result.met for result in judged)
    lines.append(f"{len(judged) - missed} of {len(judged)} targets met")
    return "\n".join(lines)
