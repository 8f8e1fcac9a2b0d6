"""stream.write, stream.get, stream.last, stream.version."""

import re
from uuid import uuid4

import pytest

CREATED = {"type": "Created", "data": {}}


async def test_a_write_tells_where_it_went(call):
    first = (await call("stream.write", "account-1", CREATED)).result
    second = (await call("stream.write", "account-1", CREATED)).result
    assert set(first) == {"position", "globalPosition", "id"}
    assert (first["position"], second["position"]) == (0, 1)
    assert second["globalPosition"] > first["globalPosition"] >= 1
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first["id"])


async def test_a_message_comes_back_as_it_was_written(call):
    data = {"text": "ä\u2028😀", "n": [1, -0.5, None, True], "o": {"": {}}}
    metadata = {"correlationStreamName": "order-1", "x": 1}
    message = {"type": "Créé", "data": data, "metadata": metadata}
    written = (await call("stream.write", "account-1", message)).result
    (row,) = (await call("stream.get", "account-1")).result
    assert row[:6] == [written["id"], "Créé", 0, written["globalPosition"], data, metadata]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row[6])
    assert (await call("stream.last", "account-1")).result == row


@pytest.mark.parametrize("data", [None, False, 0, "", [], {}, [None]])
async def test_any_json_value_is_data(call, data):
    await call("stream.write", "s-1", {"type": "T", "data": data})
    assert (await call("stream.last", "s-1")).result[4] == data


async def test_metadata_may_be_absent_or_null(call):
    for message in (CREATED, {**CREATED, "metadata": None}, {**CREATED, "metadata": {}}):
        await call("stream.write", "s-1", message)
    rows = (await call("stream.get", "s-1")).result
    assert [row[5] for row in rows] == [None, None, {}]


async def test_numbers_are_exact(served):
    numbers = b"[9007199254740993,0.1000000000000000055511151231257827,1e400,-0]"
    body = b'["stream.write","s-1",{"type":"T","data":%b}]' % numbers
    assert (await served.post(body)).status == 200
    answer = await served.call("stream.get", "s-1")
    assert b"9007199254740993" in answer.body
    assert b"0.1000000000000000055511151231257827" in answer.body
    assert b"1e400" in answer.body.lower().replace(b"1e+400", b"1e400")


async def test_optional_arguments_may_be_null_or_left_out(call):
    for options in ((), (None,), ({},), ({"id": None, "expectedVersion": None},)):
        assert (await call("stream.write", "s-1", CREATED, *options)).status == 200
    options = {"position": None, "batchSize": None, "direction": None, "type": None}
    for given in ((), (None,), ({},), (options,)):
        assert len((await call("stream.get", "s-1", *given)).result) == 4
    for given in ((), (None,), ({},), ({"type": None},)):
        assert (await call("stream.last", "s-1", *given)).result[2] == 3


async def test_an_expected_version_must_be_the_streams(call):
    for expected in (-1, 0, 1):
        answer = await call("stream.write", "account-1", CREATED, {"expectedVersion": expected})
        assert answer.result["position"] == expected + 1
    for expected in (-1, 1, 5):
        answer = await call("stream.write", "account-1", CREATED, {"expectedVersion": expected})
        assert answer.code == "STREAM_VERSION_CONFLICT"
        assert answer.error[2] == {"stream": "account-1", "expected": expected, "actual": 2}
        assert answer.message == (
            f"Wrong expected version: {expected} (Stream: account-1, Stream Version: 2)"
        )
    answer = await call("stream.write", "account-2", CREATED, {"expectedVersion": 0})
    assert answer.error[2] == {"stream": "account-2", "expected": 0, "actual": -1}
    assert (await call("stream.version", "account-1")).result == 2


async def test_an_id_is_the_key_of_idempotency(call):
    given = str(uuid4())
    first = (await call("stream.write", "s-1", CREATED, {"id": given})).result
    assert first["id"] == given
    await call("stream.write", "s-1", CREATED)
    for options in ({}, {"expectedVersion": -1}, {"expectedVersion": 7}):
        again = await call("stream.write", "s-1", CREATED, {"id": given.upper(), **options})
        assert again.result == first
    for stream, message in (
        ("s-2", CREATED),
        ("s-1", {**CREATED, "type": "Other"}),
        ("s-1", {**CREATED, "data": {"a": 1}}),
        ("s-1", {**CREATED, "metadata": {}}),
    ):
        answer = await call("stream.write", stream, message, {"id": given})
        assert answer.code == "MESSAGE_ID_CONFLICT"
    assert (await call("stream.version", "s-1")).result == 1


async def test_the_same_value_spelt_otherwise_is_the_same_message(served):
    given = b'{"id":"%b"}' % str(uuid4()).encode()
    texts = [
        b'{"a":1.50,"b":"x","c":[1e2]}',
        b'{ "c":[100], "b":"\\u0078", "a":15e-1 }',
        b'{"a":0,"a":1.5,"b":"x","c":[100.0]}',
    ]
    calls = [b'["stream.write","s-1",{"type":"T","data":%b},%b]' % (t, given) for t in texts]
    first, *others = [(await served.post(body)).result for body in calls]
    assert all(other == first for other in others)


BAD_WRITES = [
    ("$[1]", ["stream.write"]),
    ("$[2]", ["stream.write", "s-1"]),
    ("$[1]", ["stream.write", None, CREATED]),
    ("$[1]", ["stream.write", 1, CREATED]),
    ("$[1]", ["stream.write", "", CREATED]),
    ("$[1]", ["stream.write", "x" * 501, CREATED]),
    ("$[1]", ["stream.write", "😀" * 251, CREATED]),
    ("$[1]", ["stream.write", "a\nb", CREATED]),
    ("$[1]", ["stream.write", "a\u0085b", CREATED]),
    ("$[2]", ["stream.write", "s-1", None]),
    ("$[2]", ["stream.write", "s-1", []]),
    ("$[2].type", ["stream.write", "s-1", {"data": {}}]),
    ("$[2].data", ["stream.write", "s-1", {"type": "T"}]),
    ("$[2].type", ["stream.write", "s-1", {"type": 1, "data": {}}]),
    ("$[2].type", ["stream.write", "s-1", {"type": "", "data": {}}]),
    ("$[2].type", ["stream.write", "s-1", {"type": "x" * 501, "data": {}}]),
    ("$[2].type", ["stream.write", "s-1", {"type": "a\tb", "data": {}}]),
    ("$[2].metadata", ["stream.write", "s-1", {**CREATED, "metadata": []}]),
    ("$[2].metadata", ["stream.write", "s-1", {**CREATED, "metadata": "x"}]),
    (
        "$[2].metadata.correlationStreamName",
        ["stream.write", "s-1", {**CREATED, "metadata": {"correlationStreamName": ""}}],
    ),
    ("$[3]", ["stream.write", "s-1", CREATED, []]),
    ("$[3].expectedVersion", ["stream.write", "s-1", CREATED, {"expectedVersion": -2}]),
    ("$[3].expectedVersion", ["stream.write", "s-1", CREATED, {"expectedVersion": 0.5}]),
    ("$[3].expectedVersion", ["stream.write", "s-1", CREATED, {"expectedVersion": "0"}]),
    ("$[3].expectedVersion", ["stream.write", "s-1", CREATED, {"expectedVersion": True}]),
    ("$[3].id", ["stream.write", "s-1", CREATED, {"id": "x"}]),
    ("$[3].id", ["stream.write", "s-1", CREATED, {"id": 1}]),
    ("$[3].id", ["stream.write", "s-1", CREATED, {"id": f"{{{uuid4()}}}"}]),
    ("$[3].id", ["stream.write", "s-1", CREATED, {"id": uuid4().hex}]),
    ("$[4]", ["stream.write", "s-1", CREATED, {}, {}]),
]


async def test_a_bad_write_names_the_place_and_writes_nothing(call):
    for path, parts in BAD_WRITES:
        answer = await call(*parts)
        assert (answer.code, answer.path) == ("INVALID_REQUEST", path), parts
    assert (await call("ns.info", "tests")).result["messageCount"] == 0


async def test_names_at_their_limits_are_taken(call):
    for name in ("x" * 500, "😀" * 250, "ä" * 500, "s", "s-", "-", "a b'\"\\"):
        written = await call("stream.write", name, {"type": name, "data": name})
        assert written.result["position"] == 0
        (row,) = (await call("stream.get", name)).result
        assert (row[1], row[4]) == (name, name)


async def test_a_correlation_stream_name_that_is_no_string_is_data_like_any_other(call):
    for value in (None, 7, {}, ["x"]):
        message = {**CREATED, "metadata": {"correlationStreamName": value}}
        assert (await call("stream.write", "s-1", message)).status == 200


async def test_a_message_over_its_limit_is_too_large(call):
    fits = {"type": "T", "data": "x" * 1_000_000}
    assert (await call("stream.write", "s-1", fits)).status == 200
    answer = await call("stream.write", "s-1", {"type": "T", "data": "x" * (1 << 20)})
    assert answer.code == "PAYLOAD_TOO_LARGE"
    assert (await call("stream.version", "s-1")).result == 0


@pytest.fixture
async def filled(call):
    """Stream s-1: positions 0 to 5 at global positions 1, 3, 5, 7, 9, 11, types A B A C B A."""
    for message_type in "ABACBA":
        await call("stream.write", "s-1", {"type": message_type, "data": {}})
        await call("stream.write", "other-1", CREATED)
    return call


READS = [
    ({}, [0, 1, 2, 3, 4, 5]),
    ({"position": 2}, [2, 3, 4, 5]),
    ({"position": 2, "batchSize": 2}, [2, 3]),
    ({"position": -5, "batchSize": 1}, [0]),
    ({"position": 6}, []),
    ({"globalPosition": 4}, [2, 3, 4, 5]),
    ({"globalPosition": 5}, [2, 3, 4, 5]),
    ({"globalPosition": -1}, [0, 1, 2, 3, 4, 5]),
    ({"globalPosition": 12}, []),
    ({"batchSize": 0}, []),
    ({"batchSize": 1}, [0]),
    ({"batchSize": 10_000}, [0, 1, 2, 3, 4, 5]),
    ({"batchSize": -1}, [0, 1, 2, 3, 4, 5]),
    ({"batchSize": -1, "position": 4}, [4, 5]),
    ({"batchSize": -1, "direction": "backward"}, [5, 4, 3, 2, 1, 0]),
    ({"direction": "forward"}, [0, 1, 2, 3, 4, 5]),
    ({"direction": "backward"}, [5, 4, 3, 2, 1, 0]),
    ({"direction": "backward", "batchSize": 2}, [5, 4]),
    ({"direction": "backward", "position": 3}, [3, 2, 1, 0]),
    ({"direction": "backward", "position": 3, "batchSize": 1}, [3]),
    ({"direction": "backward", "globalPosition": 6}, [2, 1, 0]),
    ({"direction": "backward", "position": 0}, [0]),
    ({"direction": "backward", "position": -1}, [0]),
    ({"type": "A"}, [0, 2, 5]),
    ({"type": "A", "batchSize": 2}, [0, 2]),
    ({"type": "A", "position": 1}, [2, 5]),
    ({"type": "A", "direction": "backward", "batchSize": 2}, [5, 2]),
    ({"type": "B", "globalPosition": 4}, [4]),
    ({"type": "Z"}, []),
]


async def test_MDB001_1A_T8_every_option_of_a_stream_read(filled):
    for options, expected in READS:
        answer = await filled("stream.get", "s-1", options)
        assert [row[2] for row in answer.result] == expected, options
    assert (await filled("stream.get", "none-1")).result == []
    assert (await filled("stream.get", "s")).result == []


BAD_OPTIONS = [
    ("$[2].batchSize", {"batchSize": 10_001}),
    ("$[2].batchSize", {"batchSize": -2}),
    ("$[2].batchSize", {"batchSize": "1"}),
    ("$[2].batchSize", {"batchSize": 1.5}),
    ("$[2].position", {"position": "0"}),
    ("$[2].position", {"position": 0.5}),
    ("$[2].direction", {"direction": "sideways"}),
    ("$[2].direction", {"direction": "Forward"}),
    ("$[2].type", {"type": ""}),
    ("$[2].type", {"type": 1}),
]


async def test_MDB001_1A_T8_bad_options_of_a_stream_read_are_refused(call):
    for path, options in BAD_OPTIONS:
        answer = await call("stream.get", "s-1", options)
        assert (answer.code, answer.path) == ("INVALID_REQUEST", path), options
    answer = await call("stream.get", "s-1", {"position": 0, "globalPosition": 1})
    assert answer.code == "INVALID_REQUEST"
    assert "batchSize" in (await call("stream.get", "s-1", {"batchSize": 10_001})).message
    for parts in ([], [None], [1], [""], ["x" * 501], ["a\x00"]):
        answer = await call("stream.get", *parts)
        assert (answer.code, answer.path) == ("INVALID_REQUEST", "$[1]"), parts
    assert (await call("stream.get", "s-1", {}, {})).path == "$[3]"


async def test_a_read_of_everything_is_whole_however_large(call):
    """Larger than any page, in both directions; at its end it is valid JSON."""
    for n in range(6):
        await call("stream.write", "s-1", {"type": "T", "data": f"{n}" * 900_000})
    for options in ({}, {"batchSize": -1}, {"batchSize": 5}):
        forward = (await call("stream.get", "s-1", options)).result
        backward = (await call("stream.get", "s-1", {**options, "direction": "backward"})).result
        count = options.get("batchSize", 6) if options.get("batchSize") != -1 else 6
        assert [row[2] for row in forward] == list(range(count))
        assert [row[2] for row in backward] == list(range(5, 5 - count, -1))
        assert {len(row[4]) for row in forward} == {900_000}


async def test_the_last_message_and_the_version(filled):
    assert (await filled("stream.last", "s-1")).result[1:3] == ["A", 5]
    assert (await filled("stream.last", "s-1", {"type": "B"})).result[1:3] == ["B", 4]
    assert (await filled("stream.last", "s-1", {"type": "Z"})).result is None
    assert (await filled("stream.last", "none-1")).result is None
    assert (await filled("stream.version", "s-1")).result == 5
    assert (await filled("stream.version", "none-1")).result is None
    for method in ("stream.last", "stream.version"):
        assert (await filled(method)).path == "$[1]"
        assert (await filled(method, "")).path == "$[1]"
    assert (await filled("stream.last", "s-1", {"type": ""})).path == "$[2].type"
    assert (await filled("stream.version", "s-1", {})).path == "$[2]"
