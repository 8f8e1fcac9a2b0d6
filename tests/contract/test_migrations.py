"""Schemas: brought up to date at the first use, once, all of it or nothing."""

import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import apsw
import pytest

import mdb
from mdb.database import NewNamespace
from mdb.stores import migrations
from mdb.stores.base import OpenError
from mdb.stores.migrations import Migration, available
from mdb.stores.sqlite import migrate as sqlite_migrate
from mdb.stores.sqlite.connect import open_file, open_memory


def step(version, *scripts, name="step"):
    """A migration of the tests' own."""
    texts = tuple((f"{n:02}.sql", text) for n, text in enumerate(scripts))
    return Migration(version, name, f"{version:064x}", texts)


ONE = step(1, "CREATE TABLE one (a TEXT)")
TWO = step(
    2, "CREATE TABLE two (a TEXT); CREATE INDEX two_a ON two (a)", "INSERT INTO one VALUES (2)"
)


@pytest.fixture
def ship(monkeypatch):
    """Make the program ship these migrations, for registry and namespaces alike."""

    def ship(*steps):
        monkeypatch.setattr(sqlite_migrate, "available", lambda _backend, _scope: steps)

    return ship


def applied(db):
    return db.execute(
        "SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version"
    ).fetchall()


def tables(db):
    rows = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    return {name for (name,) in rows}


def test_MDB001_1A_T1_the_table_of_migrations_is_created(ship):
    db = open_memory()
    ship(ONE)
    assert sqlite_migrate.migrate(db, "metadata", "memory") == 1
    assert tables(db) == {"schema_migrations", "one"}


def test_MDB001_1A_T2_pending_migrations_are_applied_in_order(ship):
    db = open_memory()
    ship(ONE)
    sqlite_migrate.migrate(db, "metadata", "memory")
    ship(ONE, TWO)
    assert sqlite_migrate.migrate(db, "metadata", "memory") == 1
    assert [row[0] for row in applied(db)] == [1, 2]
    assert db.execute("SELECT a FROM one").fetchall() == [("2",)]


def test_MDB001_1A_T3_what_was_applied_is_not_applied_again(ship):
    db = open_memory()
    ship(ONE, TWO)
    assert sqlite_migrate.migrate(db, "metadata", "memory") == 2
    before = applied(db)
    assert sqlite_migrate.migrate(db, "metadata", "memory") == 0
    assert applied(db) == before


def test_MDB001_1A_T5_version_name_checksum_and_time_are_kept(ship):
    db = open_memory()
    ship(ONE, step(2, "CREATE TABLE two (a TEXT)", name="second"))
    before = time.time_ns() // 1000
    sqlite_migrate.migrate(db, "metadata", "memory")
    after = time.time_ns() // 1000
    (_, first), (_, second) = ((row[0], row) for row in applied(db))
    assert first[1:3] == ("step", f"{1:064x}")
    assert second[1:3] == ("second", f"{2:064x}")
    assert before <= first[3] <= second[3] <= after


def test_shipped_migrations_count_from_1_and_have_checksums_of_their_own():
    for scope in ("metadata", "namespace"):
        shipped = available("sqlite", scope)
        assert [m.version for m in shipped] == list(range(1, len(shipped) + 1))
        assert len({m.checksum for m in shipped}) == len(shipped)
        assert all(text.strip() for m in shipped for _name, text in m.scripts)


def test_a_checksum_depends_on_names_and_texts():
    def checksum(**files):
        return migrations._migration("001_step", files).checksum

    first = checksum(a="CREATE", b="TABLE")
    assert checksum(a="CREATE", b="TABLE") == first
    others = [
        checksum(a="CREAT", b="ETABLE"),
        checksum(a="CREATE", c="TABLE"),
        checksum(a="CREATE"),
    ]
    assert len({first, *others}) == 4


def test_a_schema_of_a_newer_program_is_refused_and_left_alone(ship):
    db = open_memory()
    ship(ONE, TWO)
    sqlite_migrate.migrate(db, "metadata", "memory")
    ship(ONE)
    with pytest.raises(migrations.NewerSchemaError, match="version 2"):
        sqlite_migrate.migrate(db, "metadata", "memory")
    assert len(applied(db)) == 2


def test_a_migration_changed_after_it_was_applied_is_refused(ship):
    db = open_memory()
    ship(ONE)
    sqlite_migrate.migrate(db, "metadata", "memory")
    ship(Migration(1, "step", "f" * 64, ONE.scripts), TWO)
    with pytest.raises(migrations.ChangedMigrationError, match="migration 1"):
        sqlite_migrate.migrate(db, "metadata", "memory")
    assert tables(db) == {"schema_migrations", "one"}


def test_a_migration_that_fails_leaves_the_old_schema(ship):
    db = open_memory()
    ship(ONE)
    sqlite_migrate.migrate(db, "metadata", "memory")
    ship(ONE, TWO, step(3, "CREATE TABLE three (a TEXT)", "CREATE TABEL"))
    with pytest.raises(apsw.SQLError):
        sqlite_migrate.migrate(db, "metadata", "memory")
    assert tables(db) == {"schema_migrations", "one"}
    assert [row[0] for row in applied(db)] == [1]
    assert not db.in_transaction


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_migrations import ONE, TWO, step
from mdb.stores.sqlite import migrate
from mdb.stores.sqlite.connect import open_file
migrate.available = lambda *_: (ONE, TWO, step(3, "SELECT die()"))
db = open_file(Path(sys.argv[1]), create=False)
db.create_scalar_function("die", lambda: os._exit(9))
migrate.migrate(db, "metadata", "file")
"""


def test_a_kill_in_the_middle_leaves_the_old_schema(ship, directory):
    directory.mkdir()
    path = directory / "some.db"
    db = open_file(path, create=True)
    ship(ONE)
    sqlite_migrate.migrate(db, "metadata", "file")
    db.close()
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(path), str(Path(__file__).parent)], check=False
    )
    assert killed.returncode == 9
    db = open_file(path, create=False)
    assert tables(db) == {"schema_migrations", "one"}
    ship(ONE, TWO)
    assert sqlite_migrate.migrate(db, "metadata", "file") == 1
    db.close()


def test_of_two_at_once_one_migrates_and_the_other_finds_it_done(ship, directory):
    directory.mkdir()
    path = directory / "some.db"
    open_file(path, create=True).close()
    ship(ONE, TWO, *(step(n, f"CREATE TABLE t{n} (a TEXT)") for n in range(3, 20)))
    barrier, results = threading.Barrier(4), []

    def start():
        db = open_file(path, create=False)
        barrier.wait()
        results.append(sqlite_migrate.migrate(db, "metadata", "file"))
        db.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 0, 0, 19]


async def test_MDB001_1A_T4_a_namespace_has_the_schema_of_its_own_migrations(directory):
    """SQLite keeps a namespace in a file of its own: there is no schema name to substitute."""
    async with mdb.open(f"sqlite:///{directory}") as db:
        await db.create_namespace(NewNamespace("n1"))
        await db.create_namespace(NewNamespace("n2"))
    files = [path for path in directory.rglob("*.db") if path.name != "metadata.db"]
    assert len(files) == 2
    for path in files:
        other = sqlite3.connect(path)
        names = {m[0] for m in other.execute("SELECT name FROM sqlite_schema WHERE type='table'")}
        assert "messages" in names
        kept = other.execute("SELECT version, checksum FROM schema_migrations").fetchall()
        other.close()
        assert kept == [(m.version, m.checksum) for m in available("sqlite", "namespace")]


async def test_a_start_refuses_a_newer_registry_in_one_line(directory):
    async with mdb.open(f"sqlite:///{directory}"):
        pass
    newer = sqlite3.connect(directory / "metadata.db")
    newer.execute("INSERT INTO schema_migrations VALUES (99, 'later', 'x', 1)")
    newer.commit()
    newer.close()
    with pytest.raises(OpenError, match="version 99"):
        async with mdb.open(f"sqlite:///{directory}"):
            pass


async def test_a_namespace_of_a_newer_schema_fails_alone(directory):
    async with mdb.open(f"sqlite:///{directory}") as db:
        for name in ("n1", "n2"):
            namespace, _token = await db.create_namespace(NewNamespace(name))
            await namespace.write("s-1", "T", {})
    (path,) = (path for path in directory.rglob("*.db") if path.name.startswith("n1-"))
    newer = sqlite3.connect(path)
    newer.execute("INSERT INTO schema_migrations VALUES (99, 'later', 'x', 1)")
    newer.commit()
    newer.close()
    async with mdb.open(f"sqlite:///{directory}") as db:
        namespace = await db.namespace("n1")
        with pytest.raises(mdb.BackendError):
            await namespace.get("s-1")
        with pytest.raises(mdb.BackendError):
            await namespace.write("s-1", "T", {})
        assert await (await db.namespace("n2")).version("s-1") == 0
        with pytest.raises(OpenError, match="n1"):
            await db.store.migrate_namespaces()


async def test_namespaces_of_an_older_schema_are_brought_up_to_date(directory, monkeypatch):
    shipped = available("sqlite", "namespace")
    extra = step(len(shipped) + 1, "CREATE TABLE later (a TEXT)")
    async with mdb.open(f"sqlite:///{directory}") as db:
        for name in ("n1", "n2", "n3"):
            await db.create_namespace(NewNamespace(name))

    def newer(backend, scope):
        return (
            (*available(backend, scope), extra)
            if scope == "namespace"
            else available(backend, scope)
        )

    monkeypatch.setattr(sqlite_migrate, "available", newer)
    async with mdb.open(f"sqlite:///{directory}") as db:
        # One is brought up to date by its use, the others by the command.
        assert await (await db.namespace("n2")).version("s-1") is None
        assert await db.store.migrate_namespaces() == 2
        assert await db.store.migrate_namespaces() == 0
