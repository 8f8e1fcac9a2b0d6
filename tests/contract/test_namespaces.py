"""Namespaces and tokens: what every store's registry does."""

import pytest
import trio
from fixtures.messages import one, positions, write

import mdb
from mdb.core.errors import MdbError, NamespaceExists, NamespaceNotFound
from mdb.core.jsonrules import equal
from mdb.core.messages import AllQuery, StreamQuery
from mdb.database import NewNamespace


def digest(n):
    return bytes([n]) * 32


async def test_MDB001_4A_T1_a_store_opens_empty_and_answers(store):
    assert await store.ping() >= 1
    assert await store.list_namespaces(100, 0) == []


async def test_MDB001_4A_T2_in_memory_nothing_outlives_the_store():
    for _ in range(2):
        async with mdb.open("sqlite://:memory:") as db:
            assert db.store.backend == "sqlite"
            namespace, _token = await db.create_namespace(NewNamespace("n1"))
            await namespace.write("s-1", "T", {})
            assert await namespace.version("s-1") == 0


async def test_MDB001_4A_T3_in_a_directory_everything_is_there_after_a_restart(directory):
    url = f"sqlite:///{directory}"
    async with mdb.open(url) as db:
        namespace, token = await db.create_namespace(NewNamespace("n1", description="mine"))
        written = await namespace.write("s-1", "T", {"a": 1}, {"m": 2})
        before = namespace.record
    async with mdb.open(url) as db:
        namespace = await db.authenticate(token)
        assert namespace.record == before
        (message,) = await namespace.get("s-1")
        assert str(message.id) == written.id
        assert (message.data, message.metadata) == ({"a": 1}, {"m": 2})
        assert (await namespace.write("s-1", "T", {})).global_position > written.global_position


async def test_MDB001_4A_T4_a_closed_directory_is_free_for_the_next(directory):
    url = f"sqlite:///{directory}"
    async with mdb.open(url) as db:
        namespace, _token = await db.create_namespace(NewNamespace("n1"))
        await namespace.write("s-1", "T", {})
        await namespace.get("s-1")
    left = {path.name for path in directory.rglob("*") if path.suffix != ".lock"}
    assert not any(name.endswith(("-wal", "-shm")) for name in left), left
    async with mdb.open(url) as db:
        assert await (await db.namespace("n1")).version("s-1") == 0


async def test_MDB001_4A_T5_a_namespace_in_memory_is_written_at_once():
    async with mdb.open("sqlite://:memory:") as db:
        record = await db.store.create_namespace("n1", token_digest=digest(1))
        space = db.store.namespace(record)
        await space.open()
        assert await write(space, one("s-1")) == [(0, 1)]


async def test_MDB001_4A_T6_each_namespace_has_a_file_of_its_own(directory):
    async with mdb.open(f"sqlite:///{directory}") as db:
        before = set(directory.rglob("*.db"))
        for n, name in enumerate(("n1", "n2")):
            await db.store.create_namespace(name, token_digest=digest(n))
            assert len(set(directory.rglob("*.db")) - before) == n + 1


async def test_MDB001_4A_T7_deletion_takes_the_files_with_it(directory):
    async with mdb.open(f"sqlite:///{directory}") as db:
        before = set(directory.rglob("*.db*"))
        namespace, _token = await db.create_namespace(NewNamespace("n1"))
        for n in range(3):
            await namespace.write(f"s-{n}", "T", {})
        await namespace.get("s-1")
        _deleted_at, count = await db.delete_namespace("n1")
        assert count == 3
        assert set(directory.rglob("*.db*")) == before


async def test_a_deleted_namespace_is_gone_by_name_and_by_token(store):
    record = await store.create_namespace("n1", token_digest=digest(1))
    deleted_at, count = await store.delete_namespace(record)
    assert deleted_at >= record.created_at
    assert count == 0
    assert await store.find_namespace("n1") is None
    assert await store.find_token(digest(1)) is None
    assert await store.list_namespaces(100, 0) == []
    with pytest.raises(NamespaceNotFound):
        await store.delete_namespace(record)
    with pytest.raises(NamespaceNotFound):
        await store.set_token(record, digest(2))


async def test_a_namespace_created_again_shares_nothing_with_the_old_one(store):
    old = await store.create_namespace("n1", token_digest=digest(1))
    space = store.namespace(old)
    await space.open()
    await write(space, one("s-1"), one("s-1"))
    await space.close()
    await store.delete_namespace(old)
    new = await store.create_namespace("n1", token_digest=digest(2))
    assert new.incarnation != old.incarnation
    assert new.location != old.location
    assert await store.find_token(digest(1)) is None
    assert await store.namespace(new).version("s-1") is None
    with pytest.raises(MdbError):
        await store.namespace(old).version("s-1")
    assert (await store.namespace(new).stats()).message_count == 0


async def test_MDB001_4A_T8_a_namespace_opens_when_it_is_first_used(directory):
    url = f"sqlite:///{directory}"
    async with mdb.open(url) as db:
        for n in range(5):
            namespace, _token = await db.create_namespace(NewNamespace(f"n{n}"))
            await namespace.write("s-1", "T", {})
    async with mdb.open(url) as db:
        before = await db.store.ping()
        namespaces = [await db.namespace(f"n{n}") for n in range(5)]
        assert await db.store.ping() == before
        assert await namespaces[3].version("s-1") == 0
        assert await db.store.ping() == before + 1


async def test_MDB001_4A_T9_a_namespace_is_found_as_it_was_created(store):
    metadata = b'{"owner":"tests"}'
    made = await store.create_namespace(
        "n1", token_digest=digest(1), description="for tests", metadata=metadata
    )
    found = await store.find_namespace("n1")
    assert found == made
    assert (found.id, found.description) == ("n1", "for tests")
    assert equal(found.metadata, metadata)
    assert await store.find_namespace("n2") is None
    assert await store.find_namespace("N1") is None


async def test_MDB001_4A_T10_namespaces_are_listed_by_code_point(store):
    names = ["b", "a", "_", "B", "a.b", "a-b", "Z9", "0"]
    for n, name in enumerate(names):
        await store.create_namespace(name, token_digest=digest(n))
    listed = [record.id for record in await store.list_namespaces(100, 0)]
    assert listed == sorted(names)
    pages = [await store.list_namespaces(3, offset) for offset in (0, 3, 6, 9)]
    assert [record.id for page in pages for record in page] == listed
    assert [len(page) for page in pages] == [3, 3, 2, 0]


async def test_a_name_is_given_once(store):
    await store.create_namespace("n1", token_digest=digest(1))
    with pytest.raises(NamespaceExists):
        await store.create_namespace("n1", token_digest=digest(2))
    assert await store.find_token(digest(2)) is None


async def test_of_many_creations_of_one_name_one_succeeds(store):
    made, refused = [], []

    async def create(n):
        try:
            made.append(await store.create_namespace("n1", token_digest=digest(n)))
        except NamespaceExists:
            refused.append(n)

    async with trio.open_nursery() as nursery:
        for n in range(20):
            nursery.start_soon(create, n)
    assert (len(made), len(refused)) == (1, 19)
    assert await store.find_namespace("n1") == made[0]


async def test_two_ids_never_share_messages(store):
    """Upper and lower case, dots for dashes, and ids that differ at their very end."""
    long = "x" * 199
    names = ["ab", "AB", "aB", "a.b", "a-b", "a_b", "a..b", "a.b.", f"{long}1", f"{long}2", "nul"]
    records = [
        await store.create_namespace(name, token_digest=digest(n)) for n, name in enumerate(names)
    ]
    assert len({record.location.lower() for record in records}) == len(names)
    for record in records:
        space = store.namespace(record)
        await space.open()
        await write(space, one("s-1", data=b'"%b"' % record.id.encode()))
        await space.close()
    for record in records:
        page = await store.namespace(record).read(AllQuery(), 10)
        assert page.count == 1
        assert b'"%b"' % record.id.encode() in page.rows


async def test_a_token_leads_to_its_namespace_until_it_is_replaced(store):
    first = await store.create_namespace("n1", token_digest=digest(1))
    second = await store.create_namespace("n2", token_digest=digest(2))
    assert await store.find_token(digest(1)) == (digest(1), first)
    assert await store.find_token(digest(2)) == (digest(2), second)
    await store.set_token(first, digest(3))
    assert await store.find_token(digest(1)) is None
    assert await store.find_token(digest(3)) == (digest(3), first)


async def test_the_same_incarnation_has_one_store(store):
    record = await store.create_namespace("n1", token_digest=digest(1))
    assert store.namespace(record) is store.namespace(await store.find_namespace("n1"))


async def test_a_store_reads_what_is_written_before_and_after_its_writer_opened(store):
    record = await store.create_namespace("n1", token_digest=digest(1))
    space = store.namespace(record)
    assert await space.version("s-1") is None
    await space.open()
    await write(space, one("s-1"))
    assert await space.version("s-1") == 0
    await space.release()
    await write(space, one("s-1"))
    await space.close()
    await space.close()
    assert await positions(space, StreamQuery("s-1")) == [0, 1]


async def test_every_schema_is_new_after_migration(store):
    for n in range(3):
        await store.create_namespace(f"n{n}", token_digest=digest(n))
    assert await store.migrate_namespaces() == 0
