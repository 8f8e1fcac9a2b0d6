"""What a SQLite file holds, and what is said of it, when the disk fails or a crash comes."""

import apsw
import pytest
from fixtures.disk import Disk, after_a_kill
from fixtures.messages import one, write

import actors
import mdb
from mdb.core.messages import Written


@pytest.fixture
def disk():
    disk = Disk()
    yield disk
    disk.close()


@pytest.fixture
async def space(disk, directory):
    """The store of a namespace in a file, which holds one message of the stream `s-1`."""
    async with mdb.open(f"sqlite:///{directory}") as database:
        record = await database.store.create_namespace("n1", token_digest=b"1" * 32)
        space = database.store.namespace(record)
        await space.open()
        await write(space, one("s-1"))
        yield space
        disk.failing = 0
        await space.close()


@pytest.fixture
def path(space, directory):
    (path,) = directory.rglob("n1-*.db")
    return path


async def reopen(space):
    """Open as an actor does after a fault: until it succeeds."""
    while True:
        try:
            await space.open()
        except actors.Unavailable:
            continue
        return


def stored(path):
    db = apsw.Connection(str(path), vfs="unix")
    try:
        return [row[0] for row in db.execute("SELECT position FROM messages ORDER BY 1")]
    finally:
        db.close()


@pytest.mark.parametrize("failing", [1, 3])
async def test_what_is_said_not_to_be_written_does_not_come_back(
    space, disk, path, tmp_path, failing
):
    await space.head()  # somebody else has the file open
    batch = [one("s-1")]
    disk.failing = failing
    with pytest.raises(actors.OutcomeUnknown):
        await space.commit(batch)
    assert stored(after_a_kill(path, tmp_path / "before.db")) == [0, 1], "nothing is in doubt"
    await reopen(space)
    assert await space.settle(batch) == [None]
    assert stored(after_a_kill(path, tmp_path / "killed.db")) == [0]
    assert stored(disk.after_a_power_cut(path, tmp_path / "cut.db")) == [0]


@pytest.mark.parametrize("failing", [2, 5])
async def test_what_is_said_to_be_written_is_on_disk(space, disk, path, tmp_path, failing):
    batch = [one("s-1")]
    disk.failing = failing  # when it is closed, too: so it is found in the log when it is opened
    with pytest.raises(actors.OutcomeUnknown):
        await space.commit(batch)
    await reopen(space)
    assert await space.settle(batch) == [Written(((1, 2),))]
    assert stored(disk.after_a_power_cut(path, tmp_path / "settled.db")) == [0, 1]
    assert await write(space, one("s-1"), one("s-1")) == [(2, 3), (3, 4)]
    assert stored(disk.after_a_power_cut(path, tmp_path / "later.db")) == [0, 1, 2, 3]


async def test_as_long_as_the_disk_fails_nothing_is_said(space, disk):
    disk.failing = 1000
    with pytest.raises(actors.OutcomeUnknown):
        await space.commit([one("s-1")])
    for _ in range(3):
        with pytest.raises(actors.Unavailable):
            await space.open()


async def test_what_a_crash_left_is_on_disk_before_it_is_answered_again(
    space, disk, path, directory, tmp_path
):
    append = one("s-1", given=bytes(range(16)))
    disk.failing = 1  # as good as killed before the fsync
    with pytest.raises(actors.OutcomeUnknown):
        await space.commit([append])
    copy = tmp_path / "data" / path.relative_to(directory)
    copy.parent.mkdir(parents=True)
    after_a_kill(path, copy)
    after_a_kill(directory / "metadata.db", tmp_path / "data" / "metadata.db")
    assert stored(disk.after_a_power_cut(path, tmp_path / "unanswered.db")) == [0]
    async with mdb.open(f"sqlite:///{tmp_path}/data") as database:
        namespace = await database.namespace("n1")
        await namespace.store.open()
        assert await namespace.store.commit([append]) == [Written(((1, 2),), repeated=True)]
        assert stored(disk.after_a_power_cut(copy, tmp_path / "answered.db")) == [0, 1]
        await namespace.store.close()
