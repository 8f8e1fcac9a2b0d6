"""What a wheel carries, and what the pinned requirements promise."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mdb.stores import migrations

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("build", "run", "test", "check")

# name==version, perhaps a marker, perhaps a continuation: never an address.
PIN = re.compile(r"[a-z0-9-]+==[\w.+!]+(?: ; [^\\]+)?(?: \\)?")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?")


def shipped(folder: str) -> set[str]:
    files = (ROOT / folder).rglob("*")
    return {str(f.relative_to(ROOT)) for f in files if f.is_file() and "__pycache__" not in f.parts}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built by the pinned backend, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert built.returncode == 0, f"hatchling (extra `test`) failed: {built.stderr}"
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_both_packages_and_every_migration(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    scripts = {f"mdb/{name}" for name in shipped("migrations")}
    assert scripts
    assert shipped("mdb") | shipped("actors") | scripts <= names
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {
        "mdb",
        "actors",
    }


@pytest.mark.parametrize("scope", ["metadata", "namespace"])
def test_an_unpacked_wheel_finds_the_migrations_of_the_checkout(
    wheel: Path, tmp_path: Path, scope: str
) -> None:
    """With no checkout around it, and no environment that leads back to one."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    load = (
        "import sys; sys.path.insert(0, sys.argv[1]); from mdb.stores import migrations;"
        "assert migrations.__file__.startswith(sys.argv[1]), migrations.__file__;"
        "found = migrations.available('sqlite', sys.argv[2]);"
        "[print(m.version, m.name, m.checksum) for m in found]"
    )
    found = subprocess.run(
        [sys.executable, "-I", "-c", load, str(tmp_path), scope],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    here = [f"{m.version} {m.name} {m.checksum}" for m in migrations.available("sqlite", scope)]
    assert here
    assert found.stdout.splitlines() == here


@pytest.mark.parametrize("name", LOCKS)
def test_pinned_requirements_hold_versions_and_hashes_only(name: str) -> None:
    for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines():
        assert line.startswith("#") or PIN.fullmatch(line) or HASH.fullmatch(line), line
        assert "://" not in line


@pytest.mark.parametrize(
    ("name", "extras"), [("run", ()), ("test", ("test",)), ("check", ("test", "check"))]
)
def test_pinned_requirements_answer_what_the_project_declares(
    name: str, extras: tuple[str, ...]
) -> None:
    """Someone who changes a dependency has to run `make lock`."""
    declared = list(PYPROJECT["project"]["dependencies"])
    for extra in extras:
        declared += PYPROJECT["project"]["optional-dependencies"][extra]
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE)
    for requirement in map(Requirement, declared):
        own = [v for n, v in pins if n == canonicalize_name(requirement.name)]
        assert own, f"{requirement} is not in {name}.txt: make lock"
        assert all(requirement.specifier.contains(v) for v in own), f"{requirement}: {own}"


def test_every_pinned_set_agrees_with_the_others() -> None:
    """They are installed one after the other into one environment."""
    everything = (ROOT / "requirements" / "check.txt").read_text()
    for name in LOCKS:
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        for pin in re.findall(r"^[a-z0-9-]+==[^\s]+", text, re.MULTILINE):
            assert pin in everything, f"{pin} of {name}.txt is not in check.txt"
