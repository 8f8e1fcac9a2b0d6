"""The data directory: locked, unusable, full, somebody else's, damaged. SQLite's alone.

The tests may run as root, whom no permission stops: a path below a regular file is what cannot
be made or written for anybody.
"""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from fixtures.messages import one, write

import actors
import mdb
from mdb.database import NewNamespace
from mdb.stores.base import OpenError


def url(directory):
    return f"sqlite:///{directory}"


async def refusal(directory):
    """Open a directory that can't be; return the one line for the operator."""
    with pytest.raises(OpenError) as caught:
        async with mdb.open(url(directory)):
            pass
    line = str(caught.value)
    assert line
    assert "\n" not in line
    return line


@asynccontextmanager
async def filled(directory, *names):
    """A directory with namespaces of one message each, open."""
    async with mdb.open(url(directory)) as db:
        for name in names:
            namespace, _token = await db.create_namespace(NewNamespace(name))
            await namespace.write("s-1", "T", {"in": name})
        yield db


def namespace_file(directory, name):
    (found,) = (path for path in directory.rglob("*.db") if path.name.startswith(f"{name}-"))
    return found


HOLD = """
import sys, trio, mdb
async def hold():
    async with mdb.open(sys.argv[1]):
        print("held", flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)
trio.run(hold)
"""


@pytest.fixture
async def holder(directory, nursery):
    """A process that has the directory open until it is killed."""
    args = [sys.executable, "-c", HOLD, url(directory)]
    run = partial(
        trio.run_process, args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, check=False
    )
    process = await nursery.start(run)
    assert (await process.stdout.receive_some()).startswith(b"held")
    yield directory, process
    process.kill()


async def test_a_directory_in_use_by_another_process_is_refused_until_that_is_killed(holder):
    directory, other = holder
    line = await refusal(directory)
    assert "in use" in line
    assert str(other.pid) in line
    other.kill()
    await other.wait()
    async with filled(directory, "n1"):
        pass


async def test_a_directory_is_in_use_within_one_process_too(directory):
    async with filled(directory, "n1") as db:
        assert "in use" in await refusal(directory)
        assert await (await db.namespace("n1")).version("s-1") == 0


async def test_a_path_below_a_file_is_refused(directory):
    directory.write_text("a file")
    for path in (directory, directory / "data"):
        assert str(path) in await refusal(path)
    assert directory.read_text() == "a file"


async def test_a_directory_that_is_read_only_is_refused(directory, monkeypatch):
    """What the system says of a read-only file system, for root as for anybody."""
    directory.mkdir()

    def read_only(path, *_args, **_kwargs):
        raise OSError(errno.EROFS, "Read-only file system", path)

    monkeypatch.setattr("os.open", read_only)
    assert "Read-only file system" in await refusal(directory)


async def test_a_registry_that_is_not_a_database_is_refused_and_left_alone(directory):
    directory.mkdir()
    garbage = b"not a database, but long enough to be read as one " * 100
    (directory / "metadata.db").write_bytes(garbage)
    assert "not a database" in await refusal(directory)
    assert (directory / "metadata.db").read_bytes() == garbage


async def test_another_programs_database_is_refused_and_left_alone(directory):
    directory.mkdir()
    with sqlite3.connect(directory / "metadata.db") as foreign:
        foreign.execute("CREATE TABLE notes (text TEXT)")
        foreign.execute("INSERT INTO notes VALUES ('dear diary')")
    foreign.close()
    before = (directory / "metadata.db").read_bytes()
    assert "another program" in await refusal(directory)
    assert (directory / "metadata.db").read_bytes() == before


@pytest.mark.parametrize("left", [None, b""])
async def test_namespaces_without_a_registry_are_not_passed_over(directory, left):
    """A copy that lacks it: a new one would serve nothing, and take writes."""
    async with filled(directory, "tenant"):
        pass
    metadata = directory / "metadata.db"
    whole = metadata.read_bytes()
    metadata.unlink()
    if left is not None:
        metadata.write_bytes(left)
    assert "metadata.db is missing or empty" in await refusal(directory)
    metadata.write_bytes(whole)
    async with mdb.open(url(directory)) as db:
        assert len(await (await db.namespace("tenant")).get("s-1")) == 1


async def test_a_namespace_whose_file_is_missing_fails_alone_and_is_not_made_anew(directory):
    async with filled(directory, "n1", "n2"):
        pass
    lost = namespace_file(directory, "n1")
    lost.unlink()
    async with mdb.open(url(directory)) as db:
        namespace = await db.namespace("n1")
        with pytest.raises(mdb.MdbError) as caught:
            await namespace.get("s-1")
        assert caught.value.code in {"BACKEND_ERROR", "BACKEND_UNAVAILABLE"}
        assert str(lost.parent) not in caught.value.message
        with trio.fail_after(20), pytest.raises(mdb.MdbError):
            await db.store.namespace(namespace.record).commit([one("s-1")])
        assert not lost.exists()
        assert await (await db.namespace("n2")).version("s-1") == 0


async def test_a_namespace_whose_file_is_missing_can_be_deleted_and_made_again(directory):
    async with filled(directory, "n1"):
        pass
    namespace_file(directory, "n1").unlink()
    async with mdb.open(url(directory)) as db:
        _deleted_at, count = await db.delete_namespace("n1")
        assert count == 0
        with pytest.raises(mdb.NamespaceNotFound):
            await db.namespace("n1")
        again, _token = await db.create_namespace(NewNamespace("n1"))
        assert (await again.write("s-1", "T", {})).position == 0


async def test_namespaces_are_not_given_up_because_their_directory_is_away(directory):
    """A volume that is not mounted."""
    async with filled(directory, "n1") as db:
        (directory / "namespaces").rename(directory / "elsewhere")
        with pytest.raises(mdb.MdbError):
            await db.delete_namespace("n1")
        (directory / "elsewhere").rename(directory / "namespaces")
    async with mdb.open(url(directory)) as db:
        assert await (await db.namespace("n1")).version("s-1") == 0


async def test_a_new_data_directory_is_durable_with_all_above_it(tmp_path, monkeypatch):
    synced = set()
    fsync = os.fsync

    def noted(descriptor):
        fsync(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr("os.fsync", noted)
    directory = tmp_path / "new" / "data"
    async with filled(directory, "n1"):
        pass
    for parent in (tmp_path, tmp_path / "new", directory, directory / "namespaces"):
        assert parent.stat().st_ino in synced, parent


@pytest.mark.parametrize("content", ["garbage", "foreign"])
async def test_a_namespace_whose_file_is_not_ours_fails_alone(directory, content):
    async with filled(directory, "n1", "n2"):
        pass
    path = namespace_file(directory, "n1")
    path.unlink()
    if content == "garbage":
        path.write_bytes(b"garbage " * 1000)
    else:
        foreign = sqlite3.connect(path)
        foreign.execute("CREATE TABLE messages (text TEXT)")
        foreign.commit()
        foreign.close()
    before = path.read_bytes()
    async with mdb.open(url(directory)) as db:
        namespace = await db.namespace("n1")
        with pytest.raises(mdb.MdbError):
            await namespace.get("s-1")
        assert await (await db.namespace("n2")).version("s-1") == 0
    assert path.read_bytes() == before


async def test_a_full_disk_refuses_writes_and_nothing_is_lost(directory):
    """The database may not grow, as on a full disk; afterwards it may again."""
    async with mdb.open(url(directory)) as db:
        record = await db.store.create_namespace("n1", token_digest=b"1" * 32)
        space = db.store.namespace(record)
        await space.open()
        await write(space, one("s-1"))
        pages = space._writer.pragma("page_count")
        space._writer.pragma("max_page_count", pages)
        large = one("s-1", data=b'"%b"' % (b"x" * 200_000))
        with pytest.raises(actors.Unavailable):
            await space.commit([one("t-1"), large])
        assert await space.version("s-1") == 0
        assert await space.version("t-1") is None
        space._writer.pragma("max_page_count", 2**30)
        assert await write(space, large) == [(1, 2)]
        await space.close()


FULL = """
import resource, signal, sys, trio, mdb
from mdb.database import NewNamespace
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
async def main():
    async with mdb.open(sys.argv[1]) as db:
        ns, _ = await db.create_namespace(NewNamespace("n1"))
        await ns.write("s-1", "T", {})
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        written = 1
        try:
            with trio.move_on_after(20):
                while True:
                    await ns.write("s-1", "T", "x" * 20_000)
                    written += 1
        except mdb.MdbError as error:
            print(error.code, flush=True)
        print(written, await ns.version("s-1"))
trio.run(main)
"""


async def test_a_disk_that_fills_up_under_a_server_loses_nothing_answered(directory):
    """The limit on a process's files answers like a full disk, to SQLite and to everybody."""
    done = await trio.run_process(
        [sys.executable, "-c", FULL, url(directory)], capture_stdout=True, capture_stderr=True
    )
    code, counts = done.stdout.decode().splitlines()
    assert code in {"BACKEND_UNAVAILABLE", "BACKEND_ERROR", "WRITE_UNCERTAIN"}, done.stderr
    written, version = map(int, counts.split())
    async with mdb.open(url(directory)) as db:
        namespace = await db.namespace("n1")
        found = await namespace.get("s-1")
        assert [message.position for message in found] == list(range(len(found)))
        assert len(found) - written in {0, int(code == "WRITE_UNCERTAIN")}
        assert version == len(found) - 1
        assert (await namespace.write("s-1", "T", {})).position == len(found)


async def test_an_interrupted_deletion_is_finished_at_the_next_start(directory):
    async with filled(directory, "n1", "n2"):
        pass
    path = namespace_file(directory, "n1")
    registry = sqlite3.connect(directory / "metadata.db")
    registry.execute("UPDATE namespaces SET state = 'deleted', deleted_at = 1 WHERE id = 'n1'")
    registry.commit()
    registry.close()
    async with mdb.open(url(directory)) as db:
        assert not path.exists()
        assert [r.id for r in await db.store.list_namespaces(10, 0)] == ["n2"]
        namespace, _token = await db.create_namespace(NewNamespace("n1"))
        assert await namespace.version("s-1") is None


async def test_an_interrupted_creation_is_undone_at_the_next_start(directory):
    async with filled(directory, "n1"):
        pass
    registry = sqlite3.connect(directory / "metadata.db")
    registry.execute("UPDATE namespaces SET state = 'creating' WHERE id = 'n1'")
    registry.commit()
    registry.close()
    path = namespace_file(directory, "n1")
    async with mdb.open(url(directory)) as db:
        assert not path.exists()
        assert await db.store.list_namespaces(10, 0) == []
        await db.create_namespace(NewNamespace("n1"))


async def test_a_copy_of_the_directory_is_a_database_of_its_own(directory):
    async with filled(directory, "n1"):
        pass
    copy = directory.with_name("copy")
    shutil.copytree(directory, copy)
    async with mdb.open(url(copy)) as db, filled(directory, "n2"):
        assert await (await db.namespace("n1")).version("s-1") == 0


@pytest.mark.parametrize(
    "text",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite://host/data",
        "mysql://x/y",
        "data",
        "",
        "sqlite:///a#b",
        "sqlite:///a?b",
    ],
)
async def test_a_url_that_names_no_database_is_refused(text):
    with pytest.raises(OpenError):
        async with mdb.open(text):
            pass
