"""Writing: positions, expected versions, ids, and many writes in one commit."""

import json
from uuid import uuid4

import pytest
from fixtures.messages import message, one, positions, rows_of, write

from mdb.core.messages import (
    AllQuery,
    Append,
    CategoryQuery,
    IdConflict,
    StreamQuery,
    VersionConflict,
    Written,
)


async def everything(space):
    return rows_of(await space.read(AllQuery(), 1000))


async def test_MDB001_5A_T1_a_write_reaches_its_own_namespace_alone(store, space):
    other = store.namespace(await store.create_namespace("other", token_digest=b"2" * 32))
    await other.open()
    await write(space, one("s-1", data=b'"mine"'))
    await write(other, one("s-1", data=b'"theirs"'))
    assert [row[5] for row in await everything(space)] == ["mine"]
    assert [row[5] for row in await everything(other)] == ["theirs"]
    await other.close()


async def test_MDB001_5A_T2_positions_count_from_0_in_a_stream_and_rise_in_the_namespace(space):
    streams = ["a-1", "b-1", "a-1", "a-2", "a-1", "b-1"]
    written = await write(space, *(one(stream) for stream in streams))
    assert [position for position, _ in written] == [0, 0, 1, 0, 2, 1]
    heights = [at for _, at in written]
    assert heights[0] >= 1
    assert heights == sorted(set(heights))
    assert [(row[1], row[3], row[4]) for row in await everything(space)] == [
        (stream, *place) for stream, place in zip(streams, written, strict=True)
    ]


async def test_MDB001_5A_T3_a_write_at_the_expected_version_stands(space):
    await write(space, one("s-1", expect=-1))
    await write(space, one("s-1", expect=0))
    assert await write(space, one("s-1", expect=1), one("s-1", expect=2)) == [(2, 3), (3, 4)]


async def test_MDB001_5A_T4_a_write_at_another_version_is_refused_with_both(space):
    await write(space, one("s-1"), one("s-1"))
    wrong = [-1, 0, 2, 2**62]
    outcomes = await space.commit([one("s-1", expect=version) for version in wrong])
    assert outcomes == [VersionConflict("s-1", version, 1) for version in wrong]
    assert await space.version("s-1") == 1


async def test_a_stream_that_does_not_exist_is_at_version_minus_1(space):
    assert await space.commit([one("s-1", expect=0)]) == [VersionConflict("s-1", 0, -1)]
    assert await space.version("s-1") is None


async def test_an_expectation_may_name_a_stream_that_is_not_written(space):
    await write(space, one("guard-1"))
    fits = Append((message("s-1"),), (("guard-1", 0), ("none-1", -1)))
    stale = Append((message("s-1"),), (("guard-1", 5),))
    missing = Append((message("s-1"),), (("none-1", 0),))
    outcomes = await space.commit([fits, stale, missing])
    assert isinstance(outcomes[0], Written)
    assert outcomes[1:] == [VersionConflict("guard-1", 5, 0), VersionConflict("none-1", 0, -1)]
    assert await positions(space, StreamQuery("s-1")) == [0]
    assert await space.version("none-1") is None


async def test_expectations_of_a_group_are_of_the_state_before_it(space):
    group = Append((message("s-1"), message("s-1"), message("t-1")), (("s-1", -1), ("t-1", -1)))
    (outcome,) = await space.commit([group])
    assert [position for position, _ in outcome.positions] == [0, 1, 0]


async def test_a_group_that_fails_takes_nothing_and_the_others_go_on(space):
    first = Append((message("s-1"), message("t-1")))
    fails = Append((message("s-1"), message("u-1")), (("t-1", -1),))
    last = Append((message("s-1"), message("u-1")), (("s-1", 0),))
    outcomes = await space.commit([first, fails, last])
    assert outcomes[1] == VersionConflict("t-1", -1, 0)
    assert [position for position, _ in outcomes[0].positions] == [0, 0]
    assert [position for position, _ in outcomes[2].positions] == [1, 0]
    assert len(await everything(space)) == 4


async def test_writes_of_one_commit_see_each_other(space):
    outcomes = await space.commit([one("s-1", expect=-1), one("s-1", expect=-1)])
    assert isinstance(outcomes[0], Written)
    assert outcomes[1] == VersionConflict("s-1", -1, 0)


async def test_a_full_batch_is_one_commit(space):
    appends = [one(f"s-{n % 7}") for n in range(512)]
    written = await write(space, *appends)
    assert len({at for _, at in written}) == 512
    assert await space.message_count() == 512


async def test_MDB001_5A_T5_json_comes_back_as_it_was_written(space):
    data = b'{"text":"\xc3\xa4\\"\\\\\\n","list":[1,null,true,{"deep":[]}],"n":-0.5}'
    metadata = b'{"who":"tests"}'
    await write(space, one("s-1", data=data, metadata=metadata), one("s-1", data=b"null"))
    first, second = rows_of(await space.read(StreamQuery("s-1"), 10))
    assert first[4] == json.loads(data)
    assert first[5] == {"who": "tests"}
    assert second[4:6] == [None, None]


# Ids


async def test_an_id_is_stored_and_returned(space):
    given = uuid4()
    await write(space, one("s-1", given=given.bytes))
    assert (await everything(space))[0][0] == str(given)


@pytest.mark.parametrize("expected", [None, -1, 0, 7])
async def test_the_same_message_again_is_answered_with_its_first_positions(space, expected):
    given = uuid4().bytes
    content = {"data": b'{"a":1,"b":[1.50,"x"]}', "metadata": b'{"m":{}}', "given": given}
    (first,) = await write(space, one("s-1", **content))
    await write(space, one("s-1"))
    same = {**content, "data": b'{ "b":[15e-1,"\\u0078"], "a":1 }'}
    (outcome,) = await space.commit([one("s-1", expect=expected, **same)])
    assert isinstance(outcome, Written)
    assert outcome.repeated
    assert outcome.positions == (first,)
    assert await space.message_count() == 2


OTHERS = [
    {"stream": "s-2"},
    {"message_type": "U"},
    {"data": b'{"a":2}'},
    {"data": b'{"a":true}'},
    {"data": b'{"a":1,"b":null}'},
    {"metadata": None},
    {"metadata": b'{"m":2}'},
    {"metadata": b"{}"},
]


async def test_an_id_with_other_content_is_refused(space):
    given = uuid4().bytes
    content = {
        "stream": "s-1",
        "message_type": "T",
        "data": b'{"a":1}',
        "metadata": b'{"m":1}',
        "given": given,
    }
    await write(space, one(**content))
    for other in OTHERS:
        assert await space.commit([one(**{**content, **other})]) == [IdConflict(given)], other
    assert await space.message_count() == 1


async def test_an_id_twice_in_one_commit_is_one_message(space):
    given = uuid4().bytes
    first, again, other = await space.commit(
        [one("s-1", given=given), one("s-1", given=given), one("s-2", given=given)]
    )
    assert (first.repeated, again.repeated) == (False, True)
    assert first.positions == again.positions
    assert other == IdConflict(given)
    assert await space.message_count() == 1


async def test_who_fails_leaves_its_id_to_the_next(space):
    given = uuid4().bytes
    refused, stands = await space.commit(
        [one("s-1", given=given, expect=3), one("s-1", given=given)]
    )
    assert refused == VersionConflict("s-1", 3, -1)
    assert [position for position, _ in stands.positions] == [0]


async def test_a_group_repeats_as_a_whole(space):
    ids = [uuid4().bytes for _ in range(3)]
    group = Append(
        tuple(message(f"s-{n % 2}", given=given) for n, given in enumerate(ids)), (("s-1", -1),)
    )
    (first,) = await space.commit([group])
    (again,) = await space.commit([group])
    assert again.repeated
    assert again.positions == first.positions
    part = Append((*group.messages, message("s-9", given=uuid4().bytes)))
    (outcome,) = await space.commit([part])
    assert isinstance(outcome, IdConflict)
    assert await space.message_count() == 3


async def test_a_group_of_which_only_a_later_message_is_stored_is_refused(space):
    stored = message("s-1", given=uuid4().bytes)
    await space.commit([Append((stored,))])
    (outcome,) = await space.commit([Append((message("s-2", given=uuid4().bytes), stored))])
    assert isinstance(outcome, IdConflict)
    assert await space.version("s-2") is None


async def test_a_stored_id_in_a_group_without_all_ids_is_refused(space):
    stored = message("s-1", given=uuid4().bytes)
    await space.commit([Append((stored,))])
    (outcome,) = await space.commit([Append((stored, message("s-1")))])
    assert outcome == IdConflict(stored.id)
    assert await space.message_count() == 1


# After a commit whose outcome is not known


async def test_what_stands_of_a_batch_is_found_by_its_ids(space):
    stands = Append((message("s-1"), message("s-2")))
    (written,) = await space.commit([stands])
    missing = one("s-1")
    found = await space.settle([stands, missing])
    assert found[0].positions == written.positions
    assert not found[0].repeated
    assert found[1] is None
    assert await space.version("s-1") == 0


async def test_a_follower_of_a_commit_learns_what_came_before(space):
    """`after` is the head before the write, so that a follower sees whether it joins on."""
    await write(space, one("s-1"))
    first, second = await space.commit([one("s-1"), one("s-2")])
    for outcome in (first, second):
        if outcome.after is not None:
            assert outcome.after <= outcome.positions[0][1] - 1
            assert outcome.after >= 1


async def test_a_write_to_a_stream_without_an_id_is_one_too(space):
    await write(space, one("s"), one("s"), one("s-1"))
    assert await positions(space, StreamQuery("s")) == [0, 1]
    assert await positions(space, CategoryQuery("s")) == [1, 2, 3]
