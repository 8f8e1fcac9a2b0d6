"""The commands besides `serve`: help, version, migrate, and what a mistake looks like."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.server import environment, run_mdb

from mdb.settings import SETTINGS
from mdb.version import VERSION


def test_version_prints_the_version() -> None:
    done = run_mdb("version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{VERSION}\n", "")


def test_help_lists_the_commands_in_plain_text_where_it_is_piped() -> None:
    done = run_mdb("--help")
    assert done.returncode == 0
    for command in ("serve", "migrate", "version"):
        assert f"  {command}: " in done.stdout
    assert done.stdout.isascii()


def test_the_help_of_serve_names_every_flag_with_its_variable_and_default() -> None:
    done = run_mdb("serve", "--help")
    text = " ".join(done.stdout.split())
    assert done.returncode == 0
    for setting in SETTINGS.values():
        assert f"{setting.flag}" in text
        assert f"[env: {setting.environment}" in text
    assert "[env: MESSAGEDB_PORT] [default: 8080]" in text
    assert "--config" in text
    assert done.stdout.isascii()


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["serve", "--nope"], "--nope"),
        (["serve", "--port"], "--port"),
        (["serve", "--port", "1", "--port", "2"], "--port"),
        (["serve", "extra"], "extra"),
        (["nothing"], "nothing"),
        (["serve", "--port", "-1"], "--port"),
        (["serve", "--log-level=loud"], "--log-level"),
        (["serve", "--db-url=mysql://u:hunter2@h/n"], "--db-url"),
        (["migrate", "--db-url=nothing"], "--db-url"),
        (["version", "extra"], "extra"),
    ],
)
def test_a_mistake_ends_with_2_and_one_line_that_names_it(args: list[str], named: str) -> None:
    done = run_mdb(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert named in done.stderr
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


def test_a_variable_that_does_not_exist_ends_with_2() -> None:
    done = run_mdb("serve", env={"MESSAGEDB_PROT": "1"})
    assert done.returncode == 2
    assert "MESSAGEDB_PROT" in done.stderr


def test_migrate_makes_the_database_and_may_be_repeated(tmp_path: Path) -> None:
    for _ in range(2):
        done = run_mdb("migrate", f"--data-dir={tmp_path}")
        assert done.returncode == 0
        assert done.stdout == "The schema is up to date; namespaces migrated: 0.\n"
    assert (tmp_path / "metadata.db").is_file()


def test_migrate_of_a_directory_that_cannot_be_made_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run_mdb("migrate", f"--data-dir={tmp_path / 'file' / 'data'}")
    assert done.returncode == 1
    assert str(tmp_path / "file") in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_reader_that_has_gone_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "mdb", "serve", "--help"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 0
