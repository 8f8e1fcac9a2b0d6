"""Which scenario of scenarios.tsv has no test: `python tests/scenarios_check.py`.

A test claims a scenario by carrying its id in its name, `test_MDB001_4A_T5_...` in Python,
`test("MDB003_1A_T2 ...")` in TypeScript; a benchmark by a function `bench_MDB001_7A_T1_...`, or by
`bench("MDB003_4A_T1 ...")` in a file `*.bench.ts` that a script of its package.json runs, with a
figure under that name in the baseline.json beside it. Skipped and expected-to-fail tests claim
nothing.

scenarios_later.tsv is the only list of exceptions: an id or a phase (`MDB003_5A`), a tab, the
reason. An entry that has a test by now is a fault too, so that the list only ever shrinks;
`--prune` takes such entries out (a phase becomes the ids that are left of it).

Exit status: 0 when every scenario has a test or a reason, 1 otherwise, 2 for a bad option.
"""

import argparse
import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ID = re.compile(r"MDB\d+_\d+[A-Z]_T\d+", re.IGNORECASE)

# test("..."), it.only("..."), test.each(rows)("..."): a call, then a text in any kind of quotes.
TS_TEST = re.compile(
    r"\b(?:test|it)(?P<chain>(?:\.\w+)*)(?:\((?:[^()]|\([^()]*\))*\))?\(\s*"
    r"(?P<quote>[\"'`])(?P<name>.*?)(?P=quote)",
    re.DOTALL,
)
TS_BENCH = re.compile(r"^bench\(\s*\"(?P<name>[^\"]*)\"", re.MULTILINE)
TS_NOT_RUN = {"skip", "todo", "failing", "skipIf", "todoIf"}

EXCEPTIONS = "scenarios_later.tsv"


def ids_in(text: str) -> Iterator[str]:
    return (found.upper() for found in ID.findall(text))


def not_run(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a decorator keeps the test from counting: `skip` and `xfail`, not `skipif`."""
    marks = (d.func if isinstance(d, ast.Call) else d for d in function.decorator_list)
    return any(isinstance(m, ast.Attribute) and m.attr in {"skip", "xfail"} for m in marks)


def ids_in_python(source: str, prefixes: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and node.name.startswith(prefixes) and not not_run(node):
            yield from ids_in(node.name)


def ids_in_typescript(source: str) -> Iterator[str]:
    for found in TS_TEST.finditer(source):
        if not TS_NOT_RUN.intersection(found["chain"].split(".")):
            yield from ids_in(found["name"])


def ids_in_benchmarks(file: Path) -> Iterator[str]:
    """The scenarios of a TypeScript file's benchmarks that are run, and held against a baseline."""
    package = next((p for up in file.parents if (p := up / "package.json").exists()), None)
    baseline = file.parent / "baseline.json"
    if package is None or not baseline.exists():
        return
    scripts = json.loads(package.read_text()).get("scripts", {}).values()
    if not any(str(file.relative_to(package.parent)) in script.split() for script in scripts):
        return
    measured = {result["name"] for result in json.loads(baseline.read_text())["results"]}
    for found in TS_BENCH.finditer(file.read_text()):
        if found["name"] in measured:
            yield from ids_in(found["name"])


def claims(root: Path) -> dict[str, list[str]]:
    """Scenario id -> the files (relative to the root) that hold a test for it."""
    found: dict[str, list[str]] = {}

    def note(file: Path, ids: Iterable[str]) -> None:
        for scenario in ids:
            found.setdefault(scenario, []).append(str(file.relative_to(root)))

    for file in sorted((root / "tests").rglob("*")):
        if "node_modules" in file.parts or not file.is_file():
            continue
        if file.match("test_*.py") or file.match("*_test.py"):
            note(file, ids_in_python(file.read_text(), ("test_",)))
        elif file.match("*.bench.ts"):
            note(file, ids_in_benchmarks(file))
        elif file.suffix == ".ts":
            note(file, ids_in_typescript(file.read_text()))
    for file in sorted((root / "bench").rglob("*.py")):
        note(file, ids_in_python(file.read_text(), ("test_", "bench_")))
    return found


def rows(file: Path) -> Iterator[tuple[str, str]]:
    """The two columns of a table, without its heading."""
    for line in file.read_text().splitlines()[1:]:
        if line.strip():
            left, _, right = line.partition("\t")
            yield left.strip(), right.strip()


def covered(entry: str, scenarios: Iterable[str]) -> list[str]:
    """The ids that an exception speaks of: itself, or all of its phase."""
    return [s for s in scenarios if s == entry or s.rpartition("_")[0] == entry]


def faults(root: Path) -> list[str]:
    """Everything that is wrong, one line each; empty when all is well."""
    scenarios = dict(rows(root / "tests" / "scenarios.tsv"))
    claimed = claims(root)
    found = [
        f"{scenario}: no such scenario, named by a test in {', '.join(sorted(set(files)))}"
        for scenario, files in sorted(claimed.items())
        if scenario not in scenarios
    ]
    excused: set[str] = set()
    for entry, reason in rows(root / "tests" / EXCEPTIONS):
        spoken_of = covered(entry, scenarios)
        if not spoken_of:
            found.append(f"{entry}: in {EXCEPTIONS}, but neither a scenario nor a phase")
        if not reason:
            found.append(f"{entry}: in {EXCEPTIONS} without a reason")
        for scenario in spoken_of:
            if scenario in excused:
                found.append(f"{scenario}: excused twice in {EXCEPTIONS}")
            if scenario in claimed:
                found.append(
                    f"{scenario}: has a test by now ({claimed[scenario][0]}), but {EXCEPTIONS}"
                    f" still excuses {entry}; --prune takes it out"
                )
            excused.add(scenario)
    found += [
        f"{scenario}: no test: {text}"
        for scenario, text in scenarios.items()
        if scenario not in claimed and scenario not in excused
    ]
    return found


def prune(root: Path) -> None:
    """Take out of the exceptions what has a test by now; keeps order, heading and reasons."""
    file = root / "tests" / EXCEPTIONS
    scenarios = dict(rows(root / "tests" / "scenarios.tsv"))
    claimed = claims(root)
    kept = [file.read_text().splitlines()[0]]
    for entry, reason in rows(file):
        spoken_of = covered(entry, scenarios)
        left = [scenario for scenario in spoken_of if scenario not in claimed]
        kept += [f"{e}\t{reason}" for e in ([entry] if left == spoken_of else left)]
    file.write_text("\n".join(kept) + "\n")


def main(arguments: list[str] | None = None, root: Path | None = None) -> int:
    parser = argparse.ArgumentParser(description="Which scenario has no test.")
    parser.add_argument("--prune", action="store_true", help="drop exceptions that have a test")
    options = parser.parse_args(arguments)
    root = root or Path(__file__).resolve().parent.parent
    if options.prune:
        prune(root)
    found = faults(root)
    for fault in found:
        print(fault)
    total = [scenario for scenario, _ in rows(root / "tests" / "scenarios.tsv")]
    tested = len(claims(root).keys() & set(total))
    print(f"{tested} of {len(total)} scenarios have a test; {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
