"""The benchmarks' own judgement: what is a regression, which targets are met; and that they run."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from pathlib import Path

import msgspec
import pytest

from bench import __main__ as program
from bench import baseline
from bench.baseline import Baseline, Recorded, regressions
from bench.results import Result, Spread, summary, text
from bench.run import Run
from bench.sample import Sample

ROOT = Path(__file__).resolve().parent.parent


def result(value: float, better: str = "higher", **more: object) -> Result:
    return Result(
        key="a.b",
        title="a title",
        value=Spread(value, value, value),
        unit="x",
        better=better,
        **more,
    )


def recorded(value: float, better: str = "higher") -> Baseline:
    return Baseline("somewhere", {"a.b": Recorded(value, better, "a title")})


@pytest.mark.parametrize(
    ("better", "value", "worse"),
    [
        ("higher", 3.0, False),
        ("higher", 9.0, False),
        ("higher", 2.41, False),
        ("higher", 2.39, True),
        ("lower", 3.0, False),
        ("lower", 0.1, False),
        ("lower", 3.74, False),
        ("lower", 3.76, True),
    ],
)
def test_more_than_a_fifth_worse_than_recorded_is_a_regression(
    better: str, value: float, worse: bool
) -> None:
    found = regressions([result(value, better)], recorded(3.0, better))
    assert len(found) == worse
    assert all("a.b" in line and "a title" in line and "recorded 3" in line for line in found)


def test_what_was_never_recorded_or_depends_on_the_machine_is_no_regression() -> None:
    assert regressions([result(0.1)], Baseline("somewhere", {})) == []
    assert regressions([result(0.1, compared=False)], recorded(3.0)) == []


def test_recording_keeps_what_this_run_has_no_word_of(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    baseline.record([result(3.14159), result(1.0, compared=False)], "one", file)
    other = msgspec.structs.replace(result(2.0, "lower"), key="c.d")
    baseline.record([other], "two", file)
    assert baseline.load(file) == Baseline(
        "two",
        {"a.b": Recorded(3.142, "higher", "a title"), "c.d": Recorded(2.0, "lower", "a title")},
    )


@pytest.mark.parametrize(
    ("better", "value", "word"),
    [
        ("higher", 2.5, "met"),
        ("higher", 2.4, "MISSED"),
        ("lower", 2.5, "met"),
        ("lower", 2.6, "MISSED"),
    ],
)
def test_a_table_says_whether_a_target_is_met(better: str, value: float, word: str) -> None:
    judged = result(value, better, target=2.5)
    assert word in text(judged)
    assert word in summary([judged, result(1.0)])
    assert f"{int(word == 'met')} of 1 targets met" in summary([judged, result(1.0)])


def test_both_sides_take_turns_and_the_ratio_is_that_of_each_round(tmp_path: Path) -> None:
    order: list[str] = []
    counts = {"ours": iter([1, 10, 20, 30, 50]), "other": iter([1, 5, 5, 10, 30])}

    def side(name: str) -> Sample:
        order.append(name)
        return Sample(next(counts[name]), 1.0, [0.001])

    run = Run(rounds=2, quick=False, scratch=tmp_path)
    found = run.compare(
        "a.b",
        "a title",
        ("ours", lambda: side("ours")),
        ("other", lambda: side("other")),
        slices=2,
    )
    assert order == ["ours", "other", *["ours", "other", "other", "ours"] * 2]
    assert found.value == Spread(median=2.5, low=2.0, high=3.0)
    assert found.better == "higher"
    assert [side.value.median for side in found.sides] == [27.5, 12.5]


@pytest.fixture
def subject(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A subject that measures 2.0 at once, and a baseline file that it is compared with."""

    def bench_it(run: Run) -> None:
        run.add(result(2.0))

    module = types.ModuleType("bench.stub")
    module.bench_it = bench_it
    monkeypatch.setitem(sys.modules, "bench.stub", module)
    monkeypatch.setattr(program, "SUBJECTS", ("stub",))
    monkeypatch.setattr(baseline, "FILE", tmp_path / "baseline.json")
    return tmp_path / "baseline.json"


def test_a_check_fails_on_a_regression(subject: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--record"]) == 0
    assert baseline.load(subject).figures["a.b"].value == 2.0
    assert program.main(["--check"]) == 0
    subject.write_bytes(msgspec.json.encode(recorded(3.0)))
    assert program.main(["--check"]) == 1
    assert "a.b: 2 x, recorded 3" in capsys.readouterr().out


def test_the_recorded_baseline_speaks_of_what_is_measured() -> None:
    assert {key.partition(".")[0] for key in baseline.load().figures} <= set(program.SUBJECTS)


def test_the_lane_is_measured_by_the_command(tmp_path: Path) -> None:
    """A smoke test of the whole: server, load generator, table, file."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "lane", "--quick", "--json", str(tmp_path / "out.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Quart on Hypercorn" in done.stdout
    (found,) = json.loads((tmp_path / "out.json").read_text())
    assert found["key"] == "lane.version_32"
    assert {side["unit"] for side in found["sides"]} == {"/s"}
    assert all(side["value"]["median"] > 0 for side in found["sides"])


def test_an_unknown_subject_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(["speed"])
    assert ended.value.code == 2
    assert "no such subject: speed" in capsys.readouterr().err


def test_every_subject_is_explained() -> None:
    page = (ROOT / "docs" / "PERFORMANCE.md").read_text("utf-8")
    assert [name for name in program.SUBJECTS if f"`{name}`" not in page] == []
