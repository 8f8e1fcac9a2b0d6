"""One run of the benchmarks: what its functions are given to measure with."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, TypeAlias

from bench.results import Better, Result, Side, Spread, text
from bench.sample import Sample
from bench.workers import Team

Timed: TypeAlias = Callable[[], Sample]
Measure: TypeAlias = Literal["rate", "median", "p95"]

# A round of a side, in slices; an even number, so that each side goes first as often.
SLICES = 2
SLICE_SECONDS = 0.5

# Share of a processor from which on a worker is called the bottleneck of its side.
SATURATED = 0.9


class Run:
    """Collects results, prints each as it comes, and bounds how much is done.

    Args:
        rounds: How often each side of a comparison is timed.
        quick: A smoke test: little is done, and figures mean nothing.
        scratch: A directory on a disk, to be filled and left alone.
    """

    def __init__(self, *, rounds: int, quick: bool, scratch: Path) -> None:
        self.rounds = rounds
        self.quick = quick
        self.scratch = scratch
        self.results: list[Result] = []
        self.slices = SLICES
        self.seconds = 0.25 if quick else SLICE_SECONDS
        """Of a slice."""
        self.closing = ExitStack()
        """What is closed after the present subject."""

    def amount(self, full: int) -> int:
        """Return how many of something to make: of a smoke test, a hundredth."""
        return max(full // 100, 10) if self.quick else full

    def directory(self) -> Path:
        """Make a directory that goes after the present subject."""
        made = tempfile.TemporaryDirectory(dir=self.scratch, ignore_cleanup_errors=True)
        return Path(self.closing.enter_context(made))

    def compare(
        self,
        key: str,
        title: str,
        ours: tuple[str, Timed],
        other: tuple[str, Timed],
        *,
        measure: Measure = "rate",
        target: float | None = None,
        rounds: int | None = None,
        slices: int | None = None,
    ) -> Result:
        """Time both sides in turns; the ratio is ours over the other's, of each round.

        A round is several slices of each side, and who goes first changes from slice to slice: a
        machine that gets slower or faster meanwhile favours nobody. Rates are better higher,
        latencies lower.

        Args:
            key: See `Result`.
            title: See `Result`.
            ours: Name, and what runs for a slice; a `Team` is sent home in the end.
            other: The same, of what it is compared with.
            measure: What of the samples.
            target: See `Result`.
            rounds: If not as many as usual.
            slices: If not as many as usual.
        """
        mine: list[Sample] = []
        others: list[Sample] = []
        with ExitStack() as stack:
            for _name, timed in (ours, other):
                if isinstance(timed, Team):
                    stack.enter_context(timed)
                timed()  # not counted: connections are opened, plans made, caches filled
            for _ in range(rounds or self.rounds):
                one, two = self._round(ours[1], other[1], slices or self.slices)
                mine.append(one)
                others.append(two)
        ratios = [
            _value(one, measure) / _value(two, measure)
            for one, two in zip(mine, others, strict=True)
        ]
        return self.add(
            Result(
                key=key,
                title=title,
                value=Spread.of(ratios),
                unit="x",
                better="higher" if measure == "rate" else "lower",
                sides=(_side(ours[0], mine, measure), _side(other[0], others, measure)),
                target=target,
            )
        )

    @staticmethod
    def _round(ours: Timed, other: Timed, slices: int) -> tuple[Sample, Sample]:
        mine: list[Sample] = []
        others: list[Sample] = []
        for number in range(slices):
            turns = [(ours, mine), (other, others)]
            for timed, samples in turns if number % 2 == 0 else reversed(turns):
                samples.append(timed())
        return Sample.joined(mine), Sample.joined(others)

    def amounts(
        self,
        key: str,
        title: str,
        values: list[float],
        unit: str,
        *,
        target: float | None = None,
        better: Better = "lower",
        compared: bool = False,
    ) -> Result:
        """Note what was measured alone. `compared`: it is the same on any machine."""
        return self.add(
            Result(
                key=key,
                title=title,
                value=Spread.of(values),
                unit=unit,
                better=better,
                target=target,
                compared=compared,
            )
        )

    def add(self, result: Result) -> Result:
        """Keep a result and print it."""
        self.results.append(result)
        print(text(result), flush=True)
        return result


def _value(sample: Sample, measure: Measure) -> float:
    return sample.rate if measure == "rate" else getattr(sample, measure)


def _side(name: str, samples: list[Sample], measure: Measure) -> Side:
    middle = Spread.of([sample.median * 1000 for sample in samples]).median
    p95 = Spread.of([sample.p95 * 1000 for sample in samples]).median
    p99 = Spread.of([sample.p99 * 1000 for sample in samples]).median
    note = f"median {middle:.2f} ms, p95 {p95:.2f}, p99 {p99:.2f}"
    busy = max(sample.busy for sample in samples)
    if busy > SATURATED:
        note += f"; the load generator itself was {busy:.0%} busy"
    if any(sample.processor for sample in samples):
        note += (
            f"; {Spread.of([sample.cost for sample in samples]).median * 1e6:.0f} µs processor each"
        )
    if measure == "rate":
        return Side(name, "/s", Spread.of([sample.rate for sample in samples]), note)
    values = [_value(sample, measure) * 1000 for sample in samples]
    return Side(name, "ms", Spread.of(values), note)
