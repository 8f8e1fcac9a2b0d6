"""What is stored is what was meant: JSON values, names, ids, times."""

import json
import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from fixtures.messages import message, rows_of, write

import mdb
from mdb.core.ids import new_id
from mdb.core.jsonrules import check
from mdb.core.messages import AllQuery, Append, CategoryQuery, StoredMessage, StreamQuery
from mdb.core.times import MAX_TIME, MIN_TIME

VALUES = [
    "null",
    "true",
    '""',
    "[]",
    "{}",
    "9007199254740993",
    "-9007199254740993",
    "123456789012345678901234567890",
    "0.1234567890123456789012345678901234567890",
    "1e400",
    "-1.5E-300",
    "-0",
    "0.0",
    '"\\u00e4\\ud83d\\ude00\\u2028\\u007f"',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
    '"\\u0001\\u001f"',
    '{"":{"a b":[[[[1]]]]}}',
    '{"__proto__":1,"constructor":2}',
    '["' + "x" * 100_000 + '"]',
    "[" * 250 + "]" * 250,
    "9" * 1000,
    "0." + "3" * 1000,
]


def exact(text):
    """A value whose numbers are not rounded."""
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


async def put(space, data, metadata=None, stream="s-1"):
    data = check(data.encode())
    return await write(space, Append((message(stream, data=data, metadata=metadata),)))


async def test_every_value_comes_back_equal(space):
    for value in VALUES:
        await put(space, value)
    for query in (StreamQuery("s-1"), CategoryQuery("s"), AllQuery()):
        page = await space.read(query, 100)
        rows = exact(b"[" + page.rows + b"]")
        assert [row[-3] for row in rows] == [exact(value) for value in VALUES]
    last = exact(await space.last("s-1", None))
    assert last[4] == exact(VALUES[-1])


async def test_of_a_key_given_twice_the_last_counts(space):
    await put(space, '{"a":1,"b":2,"a":{"c":1,"c":3}}')
    (row,) = rows_of(await space.read(StreamQuery("s-1"), 1))
    assert row[4] == {"a": {"c": 3}, "b": 2}
    text = (await space.read(StreamQuery("s-1"), 1)).rows
    assert text.count(b'"a"') == 1
    assert text.count(b'"c"') == 1


async def test_metadata_is_an_object_or_null(space):
    metadata = b'{"n":9007199254740993,"correlationStreamName":"c-1"}'
    await put(space, "1", metadata)
    await put(space, "1")
    first, second = exact(b"[" + (await space.read(StreamQuery("s-1"), 2)).rows + b"]")
    assert first[5] == {"n": Decimal(9007199254740993), "correlationStreamName": "c-1"}
    assert second[5] is None


NAMES = [
    's-"quoted"',
    "s-\\back",
    "s-\u00e4",
    "s-a\u0308",  # looks the same, and is another name
    "s-\U0001f600",
    "s- ",
    "s-'",
    "s-%00",
    "s-</script>",
    "s-\u2028",
    "s-" + "x" * 498,
]


async def test_names_and_types_are_kept_letter_for_letter(space):
    for name in NAMES:
        await write(space, Append((message(name, name),)))
    rows = rows_of(await space.read(CategoryQuery("s"), 100))
    assert [(row[1], row[2]) for row in rows] == [(name, name) for name in NAMES]
    for name in NAMES:
        assert await space.version(name) == 0
        assert json.loads(await space.last(name, name))[1] == name


async def test_ids_are_lower_case_with_dashes(space):
    given = UUID("ABCDEF01-2345-4678-9ABC-DEF012345678")
    await write(space, Append((message("s-1", given=given.bytes), message("s-1"))))
    first, second = rows_of(await space.read(StreamQuery("s-1"), 2))
    assert first[0] == "abcdef01-2345-4678-9abc-def012345678"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", second[0])
    assert UUID(second[0]).version == 7


async def test_the_time_is_when_the_write_was_taken_up(space):
    before = time.time_ns() // 1_000_000
    await write(space, Append((message("s-1"),)))
    after = time.time_ns() // 1_000_000
    (row,) = rows_of(await space.read(StreamQuery("s-1"), 1))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row[6])
    stored = datetime.fromisoformat(row[6])
    assert stored.tzinfo == UTC
    assert before <= round(stored.timestamp() * 1000) <= after
    stats = await space.stats()
    assert stats.last_activity // 1000 == round(stored.timestamp() * 1000), "cut, not rounded"


TIMES = {
    "1970-01-01T00:00:00.000Z": [0, 1, 999],
    "1970-01-01T00:00:00.001Z": [1000],
    "1970-01-01T00:00:00.999Z": [999_999],
    "1970-01-01T00:00:01.000Z": [1_000_000],
    "1969-12-31T23:59:59.999Z": [-1, -1000],
    "1969-12-31T23:59:59.998Z": [-1001],
    "1969-12-31T23:59:59.000Z": [-1_000_000],
    "1969-12-31T23:59:58.999Z": [-1_000_001],
    "2024-02-29T23:59:59.999Z": [1_709_251_199_999_999],
    "2024-03-01T00:00:00.000Z": [1_709_251_200_000_000],
    "1900-02-28T23:59:59.999Z": [-2_203_891_200_000_001],
    "0001-01-01T00:00:00.000Z": [MIN_TIME, MIN_TIME + 1],
    "9999-12-31T23:59:59.999Z": [MAX_TIME - 1, MAX_TIME],
}


async def test_a_stored_time_is_read_cut_to_the_millisecond_in_whatever_year(space):
    expected, stored = [], []
    for text, times in TIMES.items():
        for moment in times:
            n = len(expected)
            expected.append(text)
            stored.append((n, StoredMessage(new_id(), "s-1", "T", n, n + 1, b"1", None, moment)))
    async with space.begin_import() as importer:
        await importer.stage(stored)
        await importer.move()
    for query in (StreamQuery("s-1"), CategoryQuery("s"), AllQuery()):
        rows = rows_of(await space.read(query, 100))
        assert [row[-1] for row in rows] == expected
    assert json.loads(await space.last("s-1", None))[-1] == expected[-1]


async def test_MDB001_1A_T6_a_message_read_by_a_program_has_its_fields(ns):
    written = await ns.write("s-1", "Opened", {"n": 1}, {"correlationStreamName": "c-1"})
    (stream,) = await ns.get("s-1")
    assert (stream.id, stream.type, stream.position) == (UUID(written.id), "Opened", 0)
    assert (stream.data, stream.metadata) == ({"n": 1}, {"correlationStreamName": "c-1"})
    (found,) = await ns.category("s", correlation="c")
    assert (found.stream, found.global_position) == ("s-1", written.global_position)
    assert found.time == stream.time
    assert found.time.tzinfo is not None


async def test_MDB001_1A_T7_a_write_returns_where_it_went(ns):
    first = await ns.write("s-1", "T", 1)
    second = await ns.write("s-1", "T", 2, expected_version=0)
    assert isinstance(first, mdb.WriteResult)
    assert (first.position, second.position) == (0, 1)
    assert second.global_position > first.global_position >= 1
    again = await ns.write("s-1", "T", 2, id=second.id)
    assert again == second


async def test_a_program_reads_more_than_a_page(ns):
    for n in range(3):
        await ns.write("s-1", "T", f"{n}" * 700_000)
    found = await ns.get("s-1")
    assert [len(message.data) for message in found] == [700_000] * 3
    assert [m.position for m in await ns.get("s-1", backward=True, batch_size=2)] == [2, 1]
    assert await ns.get("s-1", batch_size=0) == []


@pytest.mark.parametrize("stream", ["", "x" * 501, "ä" * 501, "a\nb", "a\x00b", "\ud800"])
async def test_a_program_is_told_of_a_bad_name(ns, stream):
    with pytest.raises(mdb.InvalidRequest):
        await ns.write(stream, "T", {})
    with pytest.raises(mdb.InvalidRequest):
        await ns.write("s-1", stream, {})
    with pytest.raises(mdb.InvalidRequest):
        await ns.get(stream)


async def test_a_program_is_told_of_a_conflict_in_message_dbs_words(ns):
    await ns.write("account-1", "T", {})
    with pytest.raises(mdb.StreamVersionConflict) as caught:
        await ns.write("account-1", "T", {}, expected_version=5)
    assert str(caught.value) == ("Wrong expected version: 5 (Stream: account-1, Stream Version: 0)")
    with pytest.raises(mdb.MessageIdConflict):
        await ns.write("account-2", "T", {}, id=str((await ns.get("account-1"))[0].id))
