"""The batch: each group has its own outcome, and sees the groups before it."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import asyncpg
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fixtures.postgres import Connection
from tests.postgres.batches import (
    ID_CONFLICT,
    REPEATED,
    VERSION_CONFLICT,
    WRITTEN,
    Group,
    Message,
    Model,
    one,
    write,
)

ID = uuid.UUID("11111111-2222-3333-4444-555555555555")


async def names(conn: Connection) -> list[tuple[str, int]]:
    rows = await conn.fetch(
        "select stream_name, position from message_store.messages order by global_position"
    )
    return [tuple(row) for row in rows]


async def test_a_batch_counts_on_in_each_stream(message_store: Connection) -> None:
    await write(message_store, [one("a-1", given=False)])
    answer = await write(
        message_store,
        [
            one("a-1", given=False),
            one("b-1", given=False),
            Group([Message("a-1", given=False), Message("b-1", given=False)]),
        ],
    )
    assert answer.head == 1
    assert answer.outcomes == [WRITTEN, WRITTEN, WRITTEN]
    assert answer.positions == [[1], [0], [2, 1]]
    assert answer.global_positions == [[2], [3], [4, 5]]
    assert await names(message_store) == [
        ("a-1", 0), ("a-1", 1), ("b-1", 0), ("a-1", 2), ("b-1", 1),
    ]  # fmt: skip


async def test_everything_given_is_stored(message_store: Connection) -> None:
    await write(message_store, [one("a-1", id=ID, type="Done", data='{"n": 1.50}', metadata="{}")])
    await write(message_store, [one("a-1", given=False, data="null")])
    first, second = await message_store.fetch(
        """select id, type, data::text, metadata::text,
        abs(extract(epoch from time - (now() at time zone 'utc'))) < 60
        from messages order by global_position"""
    )
    assert tuple(first) == (ID, "Done", '{"n": 1.50}', "{}", True)
    assert tuple(second)[1:] == ("T", "null", None, True)


async def test_a_stale_version_fails_alone_and_takes_no_position(message_store: Connection) -> None:
    answer = await write(
        message_store, [one("a-1", -1), one("a-1", 7), one("a-1", 0), one("b-1", -1)]
    )
    assert answer.outcomes == [WRITTEN, VERSION_CONFLICT, WRITTEN, WRITTEN]
    assert answer.positions == [[0], [None], [1], [0]]
    assert answer.global_positions == [[1], [None], [2], [3]]
    assert answer.places == [None, 2, None, None]
    assert answer.actuals == [None, 0, None, None]


async def test_a_guard_is_judged_by_what_earlier_groups_left(message_store: Connection) -> None:
    guarded = Group([Message("b-1")], [("a-1", 0), ("c-1", -1)])
    answer = await write(message_store, [one("a-1"), guarded])
    assert answer.outcomes == [WRITTEN, WRITTEN]

    answer = await write(message_store, [one("a-1"), guarded_again()])
    assert answer.outcomes == [WRITTEN, VERSION_CONFLICT]
    assert (answer.places[1], answer.actuals[1]) == (2, 1)
    assert ("b-2", 0) not in await names(message_store)


def guarded_again() -> Group:
    return Group([Message("b-2")], [("c-1", -1), ("a-1", 0)])


async def test_a_group_expects_what_was_before_all_of_its_messages(
    message_store: Connection,
) -> None:
    two = Group([Message("a-1"), Message("a-1")], [("a-1", -1), ("a-1", -1)])
    answer = await write(message_store, [two])
    assert (answer.outcomes, answer.positions) == ([WRITTEN], [[0, 1]])


async def test_the_same_message_again_is_answered_with_its_positions(
    message_store: Connection,
) -> None:
    first = Message("a-1", data='{"a": 1, "b": [1.0]}', metadata='{"m": 1}')
    await write(message_store, [one("z-1"), Group([first])])
    again = Message("a-1", id=first.id, data='{"b": [1.00], "a": 1}', metadata='{"m": 1}')
    answer = await write(message_store, [one("a-1"), Group([again], [("a-1", -1)])])
    assert answer.outcomes == [WRITTEN, REPEATED]
    assert (answer.positions[1], answer.global_positions[1]) == ([0], [2])


@pytest.mark.parametrize(
    "change",
    [
        {"stream": "a-2"},
        {"type": "U"},
        {"data": "[]"},
        {"metadata": '{"m": 2}'},
        {"metadata": None},
    ],
    ids=lambda c: next(iter(c)),
)
async def test_a_known_id_with_another_content_conflicts(
    message_store: Connection, change: dict[str, Any]
) -> None:
    content = {"stream": "a-1", "type": "T", "data": "{}", "metadata": '{"m": 1}', "id": ID}
    await write(message_store, [Group([Message(**content)])])
    answer = await write(message_store, [one("b-1"), Group([Message(**(content | change))])])
    assert answer.outcomes == [WRITTEN, ID_CONFLICT]
    assert answer.places == [None, 2]


async def test_a_group_that_is_known_in_part_conflicts(message_store: Connection) -> None:
    known, fresh = Message("a-1"), Message("a-1")
    await write(message_store, [Group([known])])
    answer = await write(message_store, [Group([fresh, known])])
    assert (answer.outcomes, answer.places) == ([ID_CONFLICT], [2])


async def test_an_id_twice_in_one_group_conflicts(message_store: Connection) -> None:
    twice = Message("a-1")
    answer = await write(message_store, [Group([Message("a-1"), twice, twice]), one("b-1")])
    assert answer.outcomes == [ID_CONFLICT, WRITTEN]
    assert answer.places == [3, None]


async def test_an_id_twice_in_a_batch_is_judged_against_the_first(
    message_store: Connection,
) -> None:
    message = Message("a-1")
    other = Message("a-1", id=message.id, data="[]")
    answer = await write(message_store, [Group([message]), Group([message]), Group([other])])
    assert answer.outcomes == [WRITTEN, REPEATED, ID_CONFLICT]
    assert answer.positions == [[0], [0], [None]]
    assert answer.global_positions == [[1], [1], [None]]


async def test_when_the_first_holder_of_an_id_fails_the_second_gets_it(
    message_store: Connection,
) -> None:
    message = Message("a-1")
    answer = await write(message_store, [Group([message], [("a-1", 5)]), Group([message])])
    assert answer.outcomes == [VERSION_CONFLICT, WRITTEN]
    assert answer.positions == [[None], [0]]


async def test_sending_a_batch_again_tells_what_stands(message_store: Connection) -> None:
    batch = [one("a-1", -1), Group([Message("b-1"), Message("c-1")]), one("a-1", 9)]
    first = await write(message_store, batch)
    again = await write(message_store, batch)
    assert again.outcomes == [REPEATED, REPEATED, VERSION_CONFLICT]
    assert again.positions == first.positions
    assert again.global_positions == first.global_positions


async def test_null_and_json_null_are_one_content(message_store: Connection) -> None:
    await message_store.execute("select write_message($1, 'a-1', 'T', null, 'null')", str(ID))
    answer = await write(message_store, [one("a-1", id=ID, data="null", metadata=None)])
    assert answer.outcomes == [REPEATED]


streams = st.sampled_from(["a-1", "a-2", "b-1", "é-1"])
messages = st.builds(
    Message,
    stream=streams,
    # Few ids, so that they meet; some made by the server, which never meet.
    id=st.integers(0, 12).map(lambda n: uuid.UUID(int=n)),
    data=st.sampled_from(["1", "1.0", "{}"]),
    metadata=st.sampled_from([None, "{}"]),
)
groups = st.builds(
    Group,
    messages=st.lists(messages, min_size=1, max_size=3, unique_by=lambda m: m.id),
    expect=st.lists(st.tuples(streams, st.integers(-1, 3)), max_size=2),
)


def test_any_batches_are_judged_as_the_rules_say(message_store_url: str) -> None:
    with asyncio.Runner() as runner:
        # One connection for all examples; hypothesis and asynchronous fixtures do not go together.
        conn = runner.run(asyncpg.connect(message_store_url, timeout=10))

        async def judge(batches: list[list[Group]]) -> None:
            await conn.execute("truncate message_store.messages restart identity")
            model = Model()
            for batch in batches:
                assert await write(conn, batch) == model.write(batch)
            # Nothing more was written, and no number was lost.
            count = await conn.fetchval("select count(*) from message_store.messages")
            assert count == model.head

        @given(batches=st.lists(st.lists(groups, min_size=1, max_size=6), min_size=1, max_size=4))
        @settings(max_examples=150, deadline=None)
        def example(batches: list[list[Group]]) -> None:
            runner.run(judge(batches))

        try:
            example()
        finally:
            conn.terminate()


async def test_write_one_has_the_same_outcomes(message_store: Connection) -> None:
    async def call(expected: int | None = None, **content: Any) -> tuple[Any, ...]:
        m = Message("a-1", **content)
        return tuple(
            await message_store.fetchrow(
                "select * from message_store.write_one($1, $2, $3, $4, $5, $6, $7)",
                m.id, m.given, m.stream, m.type, m.data, m.metadata, expected,
            )
        )  # fmt: skip

    assert await call(-1, id=ID) == (WRITTEN, 0, 1, None, 0)
    assert await call(0, given=False) == (WRITTEN, 1, 2, None, 1)
    assert await call(0) == (VERSION_CONFLICT, None, None, 1, None)
    assert await call(77, id=ID) == (REPEATED, 0, 1, None, None)
    assert await call(id=ID, data="[]") == (ID_CONFLICT, None, None, None, None)
    assert await names(message_store) == [("a-1", 0), ("a-1", 1)]
    # Past a number that was burnt there is nothing between the head and the message, either.
    await message_store.execute("select nextval('messages_global_position_seq')")
    assert await call(1, given=False) == (WRITTEN, 2, 4, None, 3)


async def test_write_at_is_judged_by_the_head_and_the_indexes(message_store: Connection) -> None:
    async def call(head: int, *positions: int) -> list[int] | None:
        n = len(positions)
        return await message_store.fetchval(
            "select message_store.write_at($1, $2, $3, $4, $5, $6, $7)",
            [uuid.uuid4() for _ in positions],
            ["a-1"] * n, ["T"] * n, ["{}"] * n, [None] * n, list(positions), head,
        )  # fmt: skip

    assert await call(0, 0, 1) == [1, 2]
    for head in (0, 1, 3):
        assert await call(head, 2) is None
    with pytest.raises(asyncpg.UniqueViolationError):
        await call(2, 2, 1)
    assert await names(message_store) == [("a-1", 0), ("a-1", 1)]
    [global_position] = await call(2, 2)
    assert global_position > 2


async def test_writers_of_all_kinds_leave_no_hole(
    message_store_url: str, connect: Any, message_store: Connection
) -> None:
    async def batches() -> None:
        conn = await connect(message_store_url)
        for n in range(25):
            await write(conn, [one(f"a-{n % 3}"), one(f"b-{n % 2}", 99), one(f"a-{n % 2}")])

    async def singles() -> None:
        conn = await connect(message_store_url)
        for n in range(50):
            await conn.execute(
                "select message_store.write_message(gen_random_uuid()::text, $1, 'T', '{}')",
                f"a-{n % 3}",
            )

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(batches)
                nursery.start_soon(singles)
    rows = await message_store.fetch(
        """select stream_name, array_agg(position order by global_position) as positions
        from messages group by stream_name"""
    )
    assert sum(len(row["positions"]) for row in rows) == 2 * (2 * 25 + 50)
    for row in rows:
        assert row["positions"] == list(range(len(row["positions"])))
