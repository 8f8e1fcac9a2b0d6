"""Whether a run is worse than what was recorded: `bench/baseline.json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.results import Better, Result

FILE = Path(__file__).with_name("baseline.json")

# How much worse than recorded is a regression: a ratio wanders by some per cent from run to run.
TOLERANCE = 0.2


class Recorded(msgspec.Struct, frozen=True):
    """One figure of the baseline."""

    value: float
    better: Better
    title: str


class Baseline(msgspec.Struct, frozen=True):
    """What was recorded, and on what kind of machine, in words."""

    note: str
    figures: dict[str, Recorded]


def load(file: Path | None = None) -> Baseline:
    """Read a baseline; the recorded one if no file is named."""
    file = file or FILE
    return msgspec.json.decode(file.read_bytes(), type=Baseline)


def record(results: Sequence[Result], note: str, file: Path | None = None) -> None:
    """Write a baseline; figures that this run has no word of stay as they are."""
    file = file or FILE
    kept = load(file).figures if file.exists() else {}
    new = {
        result.key: Recorded(round(result.value.median, 3), result.better, result.title)
        for result in results
        if result.compared
    }
    encoded = msgspec.json.encode(Baseline(note, dict(sorted({**kept, **new}.items()))))
    file.write_bytes(msgspec.json.format(encoded, indent=2) + b"\n")


def regressions(results: Sequence[Result], baseline: Baseline) -> list[str]:
    """Say, a line each, which figures are more than `TOLERANCE` worse than recorded.

    A ratio that should be high is worse below 80 % of what was recorded, one that should be low
    above 125 %. A figure that was never recorded is no regression; it is not known what it was.
    """
    found = []
    for result in results:
        recorded = baseline.figures.get(result.key)
        if recorded is None or not result.compared:
            continue
        value, least = result.value.median, 1 - TOLERANCE
        if recorded.better == "higher":
            worse = value < recorded.value * least
        else:
            worse = value > recorded.value / least
        if worse:
            found.append(
                f"{result.key}: {value:.3g} {result.unit}, recorded {recorded.value:.3g}"
                f" ({recorded.better} is better; {TOLERANCE:.0%} are allowed): {result.title}"
            )
    return found
