"""`stream.writeBatch`: many messages of one stream, all or nothing."""

from uuid import uuid4

import pytest

T = {"type": "T", "data": 1}


def messages(n, **extra):
    return [{"type": "T", "data": {"n": i}, **extra} for i in range(n)]


async def test_a_batch_is_written_side_by_side_in_its_order(api):
    await api.good("stream.write", "s-1", T)
    written = await api.good("stream.writeBatch", "s-1", messages(3))
    assert [one["position"] for one in written] == [1, 2, 3]
    first = written[0]["globalPosition"]
    assert [one["globalPosition"] for one in written] == [first, first + 1, first + 2]
    rows = await api.good("stream.get", "s-1", {"position": 1})
    assert [(row[0], row[2], row[4]) for row in rows] == [
        (one["id"], one["position"], {"n": n}) for n, one in enumerate(written)
    ]


async def test_metadata_null_and_missing_are_null(api):
    batch = [T, {**T, "metadata": None}, {**T, "metadata": {"a": 1}}]
    await api.good("stream.writeBatch", "s-1", batch, None)
    assert [row[5] for row in await api.good("stream.get", "s-1")] == [None, None, {"a": 1}]


async def test_a_thousand_messages_are_a_batch_and_one_more_is_not(api):
    assert len(await api.good("stream.writeBatch", "s-1", messages(1000))) == 1000
    code, details = await api.refused("stream.writeBatch", "s-1", messages(1001))
    assert (code, details) == ("INVALID_REQUEST", {"path": "$[2]"})
    assert await api.refused("stream.writeBatch", "s-1", []) == (code, details)
    assert await api.good("stream.version", "s-1") == 999


async def test_the_expected_version_is_that_before_the_batch(api):
    await api.good("stream.writeBatch", "s-1", messages(2), {"expectedVersion": -1})
    await api.good("stream.writeBatch", "s-1", messages(2), {"expectedVersion": 1})
    code, details = await api.refused(
        "stream.writeBatch", "s-1", messages(2), {"expectedVersion": 1}
    )
    assert code == "STREAM_VERSION_CONFLICT"
    assert details == {"stream": "s-1", "expected": 1, "actual": 3}
    assert len(await api.all()) == 4


@pytest.mark.parametrize("version", [-2, 2**63, "0", 1.5])
async def test_an_expected_version_is_an_integer_of_at_least_minus_1(api, version):
    code, details = await api.refused("stream.writeBatch", "s-1", [T], {"expectedVersion": version})
    assert (code, details) == ("INVALID_REQUEST", {"path": "$[3].expectedVersion"})


@pytest.mark.parametrize(
    ("bad", "path"),
    [
        ({"type": "T"}, ".data"),
        ({"data": 1}, ".type"),
        ({"type": 5, "data": 1}, ".type"),
        ({"type": "", "data": 1}, ".type"),
        ({"type": "T", "data": 1, "metadata": []}, ".metadata"),
        ({"type": "T", "data": "\0"}, ".data"),
        ({"type": "T", "data": 1, "more": 1}, ".more"),
        ({"type": "T", "data": 1, "id": "no"}, ".id"),
        ({"type": "T", "data": 1, "id": 7}, ".id"),
        ({"type": "T", "data": 1, "metadata": {"correlationStreamName": ""}},
         ".metadata.correlationStreamName"),
        (5, ""),
    ],
)  # fmt: skip
async def test_a_fault_is_named_by_place_and_index_and_nothing_is_written(api, bad, path):
    code, details = await api.refused("stream.writeBatch", "s-1", [T, T, bad, T])
    assert code == "INVALID_REQUEST"
    assert details == {"path": f"$[2][2]{path}", "index": 2}
    assert await api.all() == []


@pytest.mark.parametrize("arguments", [(), ("s-1",), ("s-1", None), ("s-1", {}), ("s-1", "x")])
async def test_a_batch_is_an_array_of_messages(api, arguments):
    code, details = await api.refused("stream.writeBatch", *arguments)
    assert code == "INVALID_REQUEST"
    assert details == {"path": "$[1]" if not arguments else "$[2]"}


async def test_a_message_over_its_limit_is_named_and_the_batch_may_be_larger_than_one(api):
    half = "x" * 600_000
    await api.good("stream.writeBatch", "s-1", [{"type": "T", "data": half}] * 3)
    code, details = await api.refused(
        "stream.writeBatch", "s-1", [T, {"type": "T", "data": half, "metadata": {"a": half}}]
    )
    assert (code, details) == ("PAYLOAD_TOO_LARGE", {"path": "$[2][1]", "index": 1})
    assert await api.good("stream.version", "s-1") == 2


async def test_an_id_twice_in_a_batch_is_refused_whatever_its_case(api):
    given = str(uuid4())
    batch = [{**T, "id": given}, T, {**T, "id": given.upper()}]
    code, details = await api.refused("stream.writeBatch", "s-1", batch)
    assert code == "INVALID_REQUEST"
    assert details == {"path": "$[2][2].id", "index": 2}
    assert await api.all() == []


async def test_a_batch_with_ids_is_repeatable_whatever_the_version_and_the_order(api):
    batch = [{**message, "id": str(uuid4())} for message in messages(3)]
    first = await api.good("stream.writeBatch", "s-1", batch, {"expectedVersion": -1})
    await api.good("stream.write", "s-1", T)
    again = await api.good("stream.writeBatch", "s-1", batch, {"expectedVersion": -1})
    assert again == first
    backward = await api.good("stream.writeBatch", "s-1", batch[::-1], {"expectedVersion": 99})
    assert backward == first[::-1]
    single = await api.good("stream.write", "s-1", messages(1)[0], {"id": batch[0]["id"]})
    assert single == first[0]
    assert len(await api.all()) == 4


async def test_a_part_of_a_written_batch_is_answered_with_its_positions(api):
    batch = [{**message, "id": str(uuid4())} for message in messages(3)]
    first = await api.good("stream.writeBatch", "s-1", batch)
    assert await api.good("stream.writeBatch", "s-1", batch[1:]) == first[1:]


@pytest.mark.parametrize("stored_at", [0, 1, 2])
async def test_of_a_batch_only_part_of_which_is_stored_nothing_is_written(api, stored_at):
    batch = [{**message, "id": str(uuid4())} for message in messages(3)]
    stored = batch[stored_at]
    await api.good("stream.write", "s-1", {"type": "T", "data": stored["data"]},
                   {"id": stored["id"]})  # fmt: skip
    code, details = await api.refused("stream.writeBatch", "s-1", batch)
    assert code == "MESSAGE_ID_CONFLICT"
    assert details == {"id": stored["id"], "index": stored_at}
    assert len(await api.all()) == 1


async def test_a_stored_id_beside_a_message_without_one_is_a_conflict(api):
    batch = [{**T, "id": str(uuid4())}]
    await api.good("stream.writeBatch", "s-1", batch)
    for mixed in ([*batch, T], [T, *batch]):
        code, details = await api.refused("stream.writeBatch", "s-1", mixed)
        assert code == "MESSAGE_ID_CONFLICT"
        assert details == {"id": batch[0]["id"], "index": mixed.index(batch[0])}
    assert len(await api.all()) == 1


@pytest.mark.parametrize(
    "change", [{"data": 2}, {"type": "U"}, {"metadata": {"a": 1}}], ids=["data", "type", "metadata"]
)
async def test_a_batch_with_other_content_under_a_stored_id_is_a_conflict(api, change):
    batch = [{**T, "id": str(uuid4())}, {**T, "id": str(uuid4())}]
    await api.good("stream.writeBatch", "s-1", batch)
    code, details = await api.refused(
        "stream.writeBatch", "s-1", [batch[0], {**batch[1], **change}]
    )
    assert (code, details) == ("MESSAGE_ID_CONFLICT", {"id": batch[1]["id"], "index": 1})
    code, _details = await api.refused("stream.writeBatch", "s-2", batch)
    assert code == "MESSAGE_ID_CONFLICT"
    assert len(await api.all()) == 2


async def test_equal_is_equal_as_json(api):
    given = str(uuid4())
    body = '["stream.writeBatch","s-1",[{"type":"T","id":"%s","data":%s}]]'
    first = await api.post((body % (given, '{"a":1.0,"b":[1e2]}')).encode())
    again = await api.post((body % (given, '{"b":[100], "a":1}')).encode())
    assert (first.status, first.body) == (again.status, again.body)
    other = await api.post((body % (given, '{"a":1.01,"b":[100]}')).encode())
    assert other.code == "MESSAGE_ID_CONFLICT"


async def test_a_batch_needs_a_token(api):
    answer = await api("stream.writeBatch", "s-1", [T], token=None)
    assert (answer.status, answer.code) == (401, "AUTH_REQUIRED")


async def test_a_batch_on_a_name_that_no_stream_may_have_is_refused(api):
    assert await api.refused("stream.writeBatch", "", [T]) == ("INVALID_REQUEST", {"path": "$[1]"})
