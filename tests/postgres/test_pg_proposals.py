"""Batches whose positions the writer proposes, from what it knows by its own commits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from mdb.core.ids import new_id
from mdb.core.messages import Append, NamespaceRecord, VersionConflict, Written
from mdb.stores.postgres import proposals
from mdb.stores.postgres.namespace import PostgresNamespace
from mdb.stores.postgres.proposals import AGE, Proposals
from tests.fixtures.postgres import Connection
from tests.postgres.helpers import message, one, write

Somebody: TypeAlias = Callable[[], Awaitable[Connection]]

STREAMS = [f"a-{number}" for number in range(4)]


@pytest.fixture
def somebody(record: NamespaceRecord, database_url: str, connect: Callable[..., Any]) -> Somebody:
    """Somebody else, in the namespace's schema."""

    async def enter() -> Connection:
        connection: Connection = await connect(database_url)
        await connection.execute(f'set search_path to "{record.location}"')
        return connection

    return enter


async def drop(connection: Connection, function: str) -> None:
    """Take one of the two ways to write a batch away."""
    await connection.execute(f"drop function {function}")


def batch() -> list[Append]:
    return [one(stream) for stream in STREAMS]


async def positions(connection: Connection, stream: str) -> list[int]:
    found = await connection.fetch(
        "select position from messages where stream_name = $1 order by position", stream
    )
    return [row["position"] for row in found]


async def below_the_head(connection: Connection, namespace: PostgresNamespace) -> None:
    """Write a batch, and what it cannot tell from the head: a-1 at 1, by a number drawn before."""
    await connection.execute("select nextval('messages_global_position_seq')")
    await write(namespace, *batch())
    await connection.execute(
        "insert into messages (global_position, id, stream_name, type, position, data)"
        " values (1, gen_random_uuid(), 'a-1', 'T', 1, '{}')"
    )


async def test_a_batch_of_streams_that_it_wrote_is_written_without_a_look_at_them(
    namespace: PostgresNamespace, somebody: Somebody
) -> None:
    other = await somebody()
    await write(namespace, *batch())
    await write(namespace, one("a-3"))
    await drop(other, "write_messages")
    outcomes = await namespace.commit([*batch(), one("a-0", expect=1)])
    assert outcomes == [
        Written(((1, 6),), after=5),
        Written(((1, 7),), after=6),
        Written(((1, 8),), after=7),
        Written(((2, 9),), after=8),
        Written(((2, 10),), after=9),
    ]
    assert await write(namespace, *batch()) == [(3, 11), (2, 12), (2, 13), (3, 14)]


async def test_a_conflict_is_told_by_the_database(
    namespace: PostgresNamespace, somebody: Somebody
) -> None:
    other = await somebody()
    await write(namespace, *batch())
    await drop(other, "write_at")
    outcomes = await namespace.commit([*batch(), one("a-0", expect=0)])
    assert outcomes[-1] == VersionConflict("a-0", 0, 1)
    assert all(isinstance(outcome, Written) for outcome in outcomes[:-1])


async def test_a_stream_that_is_not_known_is_looked_up(
    namespace: PostgresNamespace, somebody: Somebody
) -> None:
    other = await somebody()
    await other.execute("select write_message(gen_random_uuid()::text, 'old-1', 'T', '{}')")
    await write(namespace, *batch())
    assert (await write(namespace, *batch(), one("old-1")))[-1] == (1, 10)


async def test_what_somebody_else_wrote_is_reckoned_with(
    namespace: PostgresNamespace, somebody: Somebody
) -> None:
    other = await somebody()
    await write(namespace, *batch())
    await other.execute("select write_message(gen_random_uuid()::text, 'a-1', 'T', '{}')")
    assert await write(namespace, *batch()) == [(1, 6), (2, 7), (1, 8), (1, 9)]
    # Where others write, most proposals would be wrong: it makes none for a while.
    await drop(other, "write_at")
    assert await write(namespace, *batch()) == [(2, 10), (3, 11), (2, 12), (2, 13)]


async def test_no_number_is_burnt_for_what_it_could_know_to_be_wrong(
    namespace: PostgresNamespace, somebody: Somebody
) -> None:
    other = await somebody()
    await write(namespace, *batch())
    await other.execute("select write_message(gen_random_uuid()::text, 'a-1', 'T', '{}')")
    await write(namespace, one("b-1"))
    assert await write(namespace, *batch()) == [(1, 7), (2, 8), (1, 9), (1, 10)]


async def test_it_proposes_again_when_nobody_else_writes_any_more(
    namespace: PostgresNamespace, somebody: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await somebody()
    monkeypatch.setattr(proposals, "PAUSE", 3)
    await write(namespace, *batch())
    await other.execute("select write_message(gen_random_uuid()::text, 'a-1', 'T', '{}')")
    for _ in range(4):
        await write(namespace, *batch())
    await drop(other, "write_messages")
    await write(namespace, *batch())
    assert await positions(other, "a-1") == [0, 1, 2, 3, 4, 5, 6]


async def test_the_indexes_judge_what_the_head_does_not_tell(
    namespace: PostgresNamespace, somebody: Somebody
) -> None:
    other = await somebody()
    await below_the_head(other, namespace)
    written = await write(namespace, *batch())
    assert [position for position, _ in written] == [1, 2, 1, 1]
    for stream in STREAMS:
        found = await positions(other, stream)
        assert found == list(range(len(found)))


async def test_what_is_expected_of_a_stream_that_is_not_written_is_looked_up(
    namespace: PostgresNamespace, somebody: Somebody
) -> None:
    other = await somebody()
    await below_the_head(other, namespace)
    guarded = Append((message("a-0"),), (("a-1", 0),))
    outcomes = await namespace.commit([one("a-0"), one("a-2"), one("a-3"), guarded])
    assert outcomes[-1] == VersionConflict("a-1", 0, 1)


async def test_a_write_that_stands_already_is_repeated_in_a_batch(
    namespace: PostgresNamespace,
) -> None:
    stored = one("a-0", id=new_id(), own_id=True)
    await write(namespace, stored, *batch())
    outcomes = await namespace.commit([*batch(), stored])
    assert outcomes[-1] == Written(((0, 1),), repeated=True)
    assert [outcome.positions[0][0] for outcome in outcomes[:-1]] == [2, 1, 1, 1]


@pytest.mark.parametrize(("pauses", "pause"), [(5, 0.8 * AGE), (1, 60 * AGE)])
async def test_what_is_long_ago_is_looked_up(
    namespace: PostgresNamespace, somebody: Somebody, pauses: int, pause: float
) -> None:
    """Somebody has taken messages out by hand, which neither head nor index tells of."""
    other = await somebody()
    now = 0.0
    namespace._proposals = Proposals(lambda: now)
    await write(namespace, *batch())
    await other.execute("delete from messages where stream_name = 'a-1'")
    for _ in range(pauses):
        now += pause
        await write(namespace, *[one(f"b-{number}") for number in range(4)])
    assert (await write(namespace, *batch()))[1][0] == 0


async def test_after_a_while_in_which_nobody_wrote_all_is_looked_up(
    namespace: PostgresNamespace, somebody: Somebody
) -> None:
    other = await somebody()
    now = 0.0
    namespace._proposals = Proposals(lambda: now)
    await write(namespace, *batch())
    await other.execute("delete from messages where stream_name = 'a-1'")
    now += 2 * AGE
    assert (await write(namespace, *batch()))[1][0] == 0
