"""The scenario check finds what it says it finds, on a small project of its own."""

import json
from pathlib import Path

import pytest
import scenarios_check

TABLE = "id\tscenario\nMDB009_1A_T1\tfirst\nMDB009_1A_T10\ttenth\nMDB009_2A_T1\tlater\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tests" / "external").mkdir(parents=True)
    (tmp_path / "bench").mkdir()
    (tmp_path / "tests" / "scenarios.tsv").write_text(TABLE)
    (tmp_path / "tests" / "scenarios_later.tsv").write_text("what\treason\n")
    return tmp_path


def excuse(root: Path, *lines: str) -> None:
    text = "what\treason\n" + "".join(f"{line}\n" for line in lines)
    (root / "tests" / "scenarios_later.tsv").write_text(text)


def write_python(root: Path, *lines: str, name: str = "tests/test_it.py") -> None:
    (root / name).write_text("import pytest\n" + "".join(f"{line}\n" for line in lines))


def test_a_scenario_without_a_test_is_named(root: Path) -> None:
    write_python(root, "def test_MDB009_1A_T10_works(): ...")
    found = scenarios_check.faults(root)
    assert [fault.split(":")[0] for fault in found] == ["MDB009_1A_T1", "MDB009_2A_T1"]


def test_all_is_well_with_tests_in_every_place_and_a_reason(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "tests" / "external" / "a.test.ts").write_text(
        'test("MDB009_1A_T1 in TypeScript", () => {})'
    )
    write_python(root, "def bench_MDB009_1A_T10(): ...", name="bench/writes.py")
    excuse(root, "MDB009_2A\tneeds a thing that is not here")
    assert scenarios_check.main([], root) == 0
    assert "2 of 3 scenarios have a test; 0 faults" in capsys.readouterr().out


def test_an_unknown_id_is_a_fault(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    excuse(root, "MDB009_1A\tyoung", "MDB009_2A\tyoung")
    write_python(root, "async def test_mdb009_1a_t7_lower_case(): ...")
    assert scenarios_check.main([], root) == 1
    assert "MDB009_1A_T7: no such scenario" in capsys.readouterr().out


def test_an_exception_that_has_a_test_is_a_fault_until_pruned(root: Path) -> None:
    excuse(root, "MDB009_1A\tyoung", "MDB009_2A_T1\tyoung too")
    write_python(root, "def test_MDB009_1A_T1(): ...", "def test_MDB009_2A_T1(): ...")
    assert len(scenarios_check.faults(root)) == 2
    assert scenarios_check.main(["--prune"], root) == 0
    left = (root / "tests" / "scenarios_later.tsv").read_text()
    assert left == "what\treason\nMDB009_1A_T10\tyoung\n"


@pytest.mark.parametrize("entry", ["MDB009_9A\tno such phase", "MDB009_1A\t", "MDB009_1A"])
def test_an_exception_needs_a_known_name_and_a_reason(root: Path, entry: str) -> None:
    write_python(root, "def test_MDB009_2A_T1(): ...")
    excuse(root, "MDB009_1A_T1\tyoung", "MDB009_1A_T10\tyoung", entry)
    assert scenarios_check.faults(root)


@pytest.mark.parametrize(
    "text",
    [
        'test.skip("MDB009_1A_T1", () => {})',
        'it.todo("MDB009_1A_T1")',
        '// MDB009_1A_T1 in a comment\nlog("MDB009_1A_T1")',
    ],
)
def test_what_does_not_run_in_typescript_claims_nothing(text: str) -> None:
    assert list(scenarios_check.ids_in_typescript(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "test('MDB009_1A_T1: x', async () => {})",
        "it(\n  `x MDB009_1A_T1`, () => {})",
        'test.each([[1, f(2)]])("MDB009_1A_T1 %d", () => {})',
        'test.concurrent("MDB009_1A_T1", () => {})',
    ],
)
def test_what_runs_in_typescript_claims_its_scenario(text: str) -> None:
    assert list(scenarios_check.ids_in_typescript(text)) == ["MDB009_1A_T1"]


def test_a_benchmark_in_typescript_counts_where_it_is_run_and_has_a_baseline(root: Path) -> None:
    external = root / "tests" / "external"
    file = external / "benchmarks" / "speed.bench.ts"
    file.parent.mkdir()
    file.write_text(
        'bench("MDB009_1A_T1 writes", "ms", 10, async () => {});\n'
        'bench("MDB009_1A_T10 never measured", "ms", 10, async () => {});\n'
        '// bench("MDB009_2A_T1 writes", "ms", 10)\n'
    )
    names = ["MDB009_1A_T1 writes", "MDB009_2A_T1 writes"]
    baseline = json.dumps({"results": [{"name": name} for name in names]})
    run = json.dumps({"scripts": {"bench": "bun benchmarks/speed.bench.ts"}})
    assert scenarios_check.claims(root) == {}
    (file.parent / "baseline.json").write_text(baseline)
    assert scenarios_check.claims(root) == {}
    (external / "package.json").write_text('{"scripts": {"bench": "bun other.bench.ts"}}')
    assert scenarios_check.claims(root) == {}
    (external / "package.json").write_text(run)
    assert list(scenarios_check.claims(root)) == ["MDB009_1A_T1"]


def test_what_does_not_run_in_python_claims_nothing() -> None:
    source = """
@pytest.mark.skip(reason="x")
def test_MDB009_1A_T1(): ...
@pytest.mark.xfail
async def test_MDB009_1A_T2(): ...
def helper_MDB009_1A_T3(): ...
@pytest.mark.skipif(True, reason="x")
def test_MDB009_1A_T4_and_MDB009_1A_T5(): ...
"""
    found = list(scenarios_check.ids_in_python(source, ("test_",)))
    assert found == ["MDB009_1A_T4", "MDB009_1A_T5"]
