"""What SQLite's one writer writes by its own knowledge, and what becomes of it where that errs."""

import apsw
import pytest
import trio
from fixtures.messages import message, one, positions, write
from trio.testing import wait_all_tasks_blocked

import actors
import mdb
from mdb.core.ids import new_id
from mdb.core.messages import (
    Append,
    IdConflict,
    StoredMessage,
    StreamQuery,
    VersionConflict,
    Written,
)
from mdb.stores.known import RECENT, Known
from mdb.stores.sqlite import writes
from mdb.stores.sqlite.connect import open_memory
from mdb.stores.sqlite.drafts import MOST_ROWS
from mdb.stores.sqlite.migrate import migrate
from mdb.stores.sqlite.proposals import propose
from mdb.stores.sqlite.store import WRITERS

ID = bytes(range(16))


@pytest.fixture(params=["memory", "file"])
async def space(request, directory):
    """The store of a namespace, which knows the stream `s-1`, at version 0."""
    url = "sqlite://:memory:" if request.param == "memory" else f"sqlite:///{directory}"
    async with mdb.open(url) as database:
        record = await database.store.create_namespace("n1", token_digest=b"1" * 32)
        space = database.store.namespace(record)
        await space.open()
        await write(space, one("s-1"))
        yield space
        await space.close()


async def statements(space, *appends):
    """Commit; return the outcomes, and the first word of each statement that it took."""
    ran = []
    space._writer.exec_trace = lambda _cursor, sql, _bindings: ran.append(_word(sql)) or True
    try:
        return await space.commit(appends), ran
    finally:
        space._writer.exec_trace = None


def _word(sql):
    return next(line for line in sql.splitlines() if not line.startswith("--")).split()[0].upper()


async def test_a_batch_of_streams_that_were_written_lately_is_one_statement(space):
    outcomes, ran = await statements(space, one("s-1"), one("s-1", expect=1), one("s-1"))
    assert [outcome.positions for outcome in outcomes] == [((1, 2),), ((2, 3),), ((3, 4),)]
    assert [outcome.after for outcome in outcomes] == [1, 2, 3]
    assert ran == ["INSERT"]
    assert await positions(space, StreamQuery("s-1")) == [0, 1, 2, 3]


async def test_a_stream_that_is_not_known_is_looked_up_and_known_from_then_on(space):
    (written,), ran = await statements(space, one("t-1"))
    assert written.positions == ((0, 2),)
    assert ran[0] == "BEGIN"
    _, ran = await statements(space, one("t-1"), one("s-1"))
    assert ran == ["INSERT"]


async def test_a_message_that_stands_already_is_found_by_its_id(space):
    append = one("s-1", given=ID)
    (first,), ran = await statements(space, append)
    assert ran == ["INSERT"]
    assert await space.commit([one("s-1"), append, one("s-1")]) == [
        Written(((2, 3),), after=2),
        Written(first.positions, repeated=True),
        Written(((3, 4),), after=3),
    ]
    assert await space.commit([one("s-1", data=b"2", given=ID)]) == [IdConflict(ID)]


async def test_one_id_twice_in_a_batch_is_written_once(space):
    append = one("s-1", given=ID)
    first, second = await space.commit([append, append])
    assert (first.positions, second) == (((1, 2),), Written(((1, 2),), repeated=True))


async def test_a_repetition_is_told_from_a_conflict_of_versions(space):
    append = one("s-1", given=ID, expect=0)
    (first,) = await space.commit([append])
    assert await space.commit([append]) == [Written(first.positions, repeated=True)]


async def test_a_conflict_takes_no_other_write_of_its_batch_along(space):
    outcomes = await space.commit([one("s-1"), one("s-1", expect=0), one("s-1")])
    assert outcomes[1] == VersionConflict("s-1", 0, 1)
    assert [outcomes[0].positions, outcomes[2].positions] == [((1, 2),), ((2, 3),)]


@pytest.mark.parametrize("space", ["file"], indirect=True)
async def test_what_somebody_else_wrote_into_the_file_is_reckoned_with(space, directory):
    (file,) = (path for path in directory.rglob("n1-*.db"))
    other = apsw.Connection(str(file))
    writes.commit(other, [one("s-1"), one("s-1")])
    other.close()
    assert await write(space, one("s-1"), one("s-1", expect=3)) == [(3, 4), (4, 5)]
    other = apsw.Connection(str(file))
    writes.commit(other, [one("s-1")])
    other.close()
    assert await space.commit([one("s-1", expect=4)]) == [VersionConflict("s-1", 4, 5)]


@pytest.mark.parametrize("space", ["file"], indirect=True)
async def test_an_import_does_not_overtake_a_batch_that_has_its_positions(space, nursery):
    """Written after it, in the gap that it leaves, they would be below what readers have seen."""

    async def bring_in():
        async with space.begin_import() as job:
            stored = StoredMessage(new_id(), "far-1", "T", 0, 1000, b"1", None, 1)
            await job.stage([(1, stored)])
            await job.move()
        moved.set()

    async def commit():
        written.extend(await write(space, one("s-1")))

    written, moved = [], trio.Event()
    places = space._writers._places
    for _ in range(WRITERS):
        places.acquire_nowait()  # other namespaces' batches
    nursery.start_soon(commit)
    await wait_all_tasks_blocked()
    nursery.start_soon(bring_in)
    await wait_all_tasks_blocked(0.2)  # it has come as far as it can, be it into a thread
    seen = await space.head()
    for _ in range(WRITERS):
        places.release()
    await moved.wait()
    assert written == [(1, 2)]
    assert seen == 1
    assert await write(space, one("s-1"), one("s-1")) == [(2, 1001), (3, 1002)]


async def test_a_write_that_failed_leaves_no_gap(space):
    space._writer.pragma("max_page_count", space._writer.pragma("page_count"))
    with pytest.raises(actors.Unavailable):
        await space.commit([one("s-1"), one("s-1", data=b'"%b"' % (b"x" * 200_000))])
    space._writer.pragma("max_page_count", 2**30)
    assert await write(space, one("s-1"), one("s-1")) == [(1, 2), (2, 3)]


async def test_many_and_large_messages_are_written_like_few(space):
    many = Append(tuple(message("s-1") for _ in range(MOST_ROWS + 1)))
    large = one("s-1", data=b'"%b"' % (b"x" * 1_000_000))
    (written,), ran = await statements(space, many)
    assert ran == ["BEGIN", "SELECT", "INSERT", "INSERT", "COMMIT"]
    assert written.positions[-1] == (MOST_ROWS + 1, MOST_ROWS + 2)
    # Large ones are left to the worker's thread, and so they do not hold up the event loop.
    (after,), ran = await statements(space, large)
    assert ran == ["BEGIN", "SELECT", "INSERT", "COMMIT"]
    assert after.positions == ((MOST_ROWS + 2, MOST_ROWS + 3),)
    (last,), ran = await statements(space, one("s-1"))
    assert ran == ["INSERT"]
    assert last.positions == ((MOST_ROWS + 3, MOST_ROWS + 4),)


def test_the_streams_that_are_remembered_are_bounded():
    db = open_memory()
    migrate(db, "namespace", "memory")
    known = Known()
    for begin in range(0, 3 * RECENT, 100):
        batch = [one(f"s-{n}") for n in range(begin, begin + 100)]
        assert propose(known, batch) is None
        draft = writes.commit(db, batch).draft
        known.learn(draft.head, draft.versions)
    assert propose(known, [one("s-0")]) is None
    assert propose(known, [one(f"s-{RECENT - 1}")]) is None
    assert propose(known, [one(f"s-{n}") for n in range(3 * RECENT - 100, 3 * RECENT)])
    # More at once than are remembered: none of them is, nor what was known of them before.
    known.learn(1, {f"s-{n}": 0 for n in range(3 * RECENT)})
    assert propose(known, [one(f"s-{3 * RECENT - 1}")]) is None
    db.close()
