"""category.get."""

import pytest

GROUP_STREAMS = [f"g-{n}" for n in range(12)]


@pytest.fixture
async def filled(call):
    """Global positions 1 to 9: s-1, s-2, t-1 in turn; types A and B in turn; one correlation."""
    for n in range(9):
        stream = ["s-1", "s-2", "t-1"][n % 3]
        metadata = {"correlationStreamName": "corr-1"} if n % 2 else None
        await call("stream.write", stream, {"type": "AB"[n % 2], "data": n, "metadata": metadata})
    return call


READS = [
    ({}, [1, 2, 4, 5, 7, 8]),
    ({"position": 2}, [2, 4, 5, 7, 8]),
    ({"globalPosition": 3}, [4, 5, 7, 8]),
    ({"position": -3}, [1, 2, 4, 5, 7, 8]),
    ({"position": 0}, [1, 2, 4, 5, 7, 8]),
    ({"position": 9}, []),
    ({"batchSize": 2}, [1, 2]),
    ({"batchSize": 0}, []),
    ({"batchSize": -1}, [1, 2, 4, 5, 7, 8]),
    ({"batchSize": -1, "position": 5}, [5, 7, 8]),
    ({"batchSize": 10_000}, [1, 2, 4, 5, 7, 8]),
    ({"direction": "backward"}, [8, 7, 5, 4, 2, 1]),
    ({"direction": "backward", "position": 6}, [5, 4, 2, 1]),
    ({"direction": "backward", "globalPosition": 5, "batchSize": 2}, [5, 4]),
    ({"direction": "backward", "batchSize": -1}, [8, 7, 5, 4, 2, 1]),
    ({"type": "A"}, [1, 5, 7]),
    ({"type": "A", "direction": "backward", "batchSize": 2}, [7, 5]),
    ({"correlation": "corr"}, [2, 4, 8]),
    ({"correlation": "corr", "position": 3, "batchSize": 1}, [4]),
    ({"correlation": "co"}, []),
    ({"consumerGroup": {"member": 0, "size": 1}}, [1, 2, 4, 5, 7, 8]),
]


async def test_MDB001_1A_T9_every_option_of_a_category_read(filled):
    for options, expected in READS:
        answer = await filled("category.get", "s", options)
        assert [row[4] for row in answer.result] == expected, options
    rows = (await filled("category.get", "s")).result
    assert rows[0][1:6] == ["s-1", "A", 0, 1, 0]
    assert all(len(row) == 8 for row in rows)
    assert (await filled("category.get", "none")).result == []
    assert (await filled("category.get", "S")).result == []


async def test_a_consumer_group_divides_the_streams(call):
    for stream in (*GROUP_STREAMS, "g", "g-", "g-1+a"):
        await call("stream.write", stream, {"type": "T", "data": {}})
    for size in (1, 2, 5):
        members = []
        for member in range(size):
            group = {"consumerGroup": {"member": member, "size": size}}
            members.append([row[1] for row in (await call("category.get", "g", group)).result])
        assert sorted(name for m in members for name in m) == sorted(
            (*GROUP_STREAMS, "g-", "g-1+a")
        )
        assert [m for m in members if "g-1" in m] == [m for m in members if "g-1+a" in m]
    for stream in ("g-1", "g-7", "g-"):
        key = (await call("util.cardinalId", stream)).result
        member = abs((await call("util.hash64", key)).result) % 5
        group = {"consumerGroup": {"member": member, "size": 5}}
        assert stream in [row[1] for row in (await call("category.get", "g", group)).result]


BAD = [
    ("$[2].batchSize", {"batchSize": 10_001}),
    ("$[2].batchSize", {"batchSize": -2}),
    ("$[2].position", {"position": "x"}),
    ("$[2].direction", {"direction": ""}),
    ("$[2].type", {"type": ""}),
    ("$[2].correlation", {"correlation": "corr-1"}),
    ("$[2].correlation", {"correlation": ""}),
    ("$[2].consumerGroup", {"consumerGroup": []}),
    ("$[2].consumerGroup.size", {"consumerGroup": {"member": 0}}),
    ("$[2].consumerGroup.member", {"consumerGroup": {"size": 1}}),
    ("$[2].consumerGroup.member", {"consumerGroup": {"member": 1, "size": 1}}),
    ("$[2].consumerGroup.member", {"consumerGroup": {"member": -1, "size": 2}}),
    ("$[2].consumerGroup.member", {"consumerGroup": {"member": "0", "size": 2}}),
    ("$[2].consumerGroup.size", {"consumerGroup": {"member": 0, "size": 0}}),
    ("$[2].consumerGroup.size", {"consumerGroup": {"member": 0, "size": 32_768}}),
]


async def test_MDB001_1A_T9_bad_options_of_a_category_read_are_refused(call):
    for path, options in BAD:
        answer = await call("category.get", "s", options)
        assert (answer.code, answer.path) == ("INVALID_REQUEST", path), options
    for parts in ([], [None], [""], [1], ["x" * 501]):
        answer = await call("category.get", *parts)
        assert (answer.code, answer.path) == ("INVALID_REQUEST", "$[1]"), parts
    answer = await call("category.get", "account-1")
    assert (answer.code, answer.path) == ("INVALID_REQUEST", "$[1]")
    assert "must be a category" in answer.message
    assert (await call("category.get", "s", {}, {})).path == "$[3]"


async def test_the_largest_group_is_taken(call):
    await call("stream.write", "s-1", {"type": "T", "data": {}})
    key = abs((await call("util.hash64", "1")).result) % 32_767
    for member, count in ((key, 1), ((key + 1) % 32_767, 0)):
        group = {"consumerGroup": {"member": member, "size": 32_767}}
        assert len((await call("category.get", "s", group)).result) == count


async def test_a_category_read_of_everything_is_whole_however_large(call):
    for n in range(5):
        await call("stream.write", f"s-{n}", {"type": "T", "data": f"{n}" * 900_000})
    forward = (await call("category.get", "s", {"batchSize": -1})).result
    backward = (await call("category.get", "s", {"batchSize": -1, "direction": "backward"})).result
    assert [row[1] for row in forward] == [f"s-{n}" for n in range(5)]
    assert backward == forward[::-1]
