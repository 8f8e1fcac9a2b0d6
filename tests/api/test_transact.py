"""`ns.transact`: many streams, all or nothing."""

from uuid import uuid4

import pytest
import trio

T = {"type": "T", "data": 1}


async def test_a_transaction_is_answered_in_its_order(api):
    await api.good("stream.write", "b-1", T)
    written = await api.good(
        "ns.transact", [["a-1", T], ["b-1", T], ["a-1", T, None], ["c", T, {}]]
    )
    assert [one["position"] for one in written] == [0, 1, 1, 0]
    first = written[0]["globalPosition"]
    assert [one["globalPosition"] for one in written] == list(range(first, first + 4))
    rows = (await api.all())[1:]
    assert [row[1] for row in rows] == ["a-1", "b-1", "a-1", "c"]
    assert [row[0] for row in rows] == [one["id"] for one in written]


async def test_every_version_is_compared_with_the_state_before(api):
    await api.good("stream.write", "b-1", T)
    await api.good(
        "ns.transact",
        [
            ["a-1", T, {"expectedVersion": -1}],
            ["b-1", T, {"expectedVersion": 0}],
            ["a-1", T, {"expectedVersion": -1}],
        ],
        {"check": {"b-1": 0, "guard-1": -1}},
    )
    assert await api.good("stream.version", "a-1") == 1
    assert await api.good("stream.version", "guard-1") is None


async def test_a_wrong_version_fails_all_and_names_stream_and_item(api):
    await api.good("stream.write", "b-1", T)
    answer = await api(
        "ns.transact", [["a-1", T], ["b-1", T], ["b-1", T, {"expectedVersion": 5}], ["c-1", T]]
    )
    assert (answer.status, answer.code) == (409, "STREAM_VERSION_CONFLICT")
    assert answer.error[2] == {"stream": "b-1", "expected": 5, "actual": 0, "index": 2}
    assert answer.message == ("Wrong expected version: 5 (Stream: b-1, Stream Version: 0)")
    assert len(await api.all()) == 1


@pytest.mark.parametrize(("check", "actual"), [({"guard-1": 1}, 0), ({"none-1": 0}, -1)])
async def test_a_check_guards_streams_that_are_not_written(api, check, actual):
    await api.good("stream.write", "guard-1", T)
    code, details = await api.refused("ns.transact", [["a-1", T]], {"check": check})
    ((stream, expected),) = check.items()
    assert code == "STREAM_VERSION_CONFLICT"
    assert details == {"stream": stream, "expected": expected, "actual": actual}
    assert len(await api.all()) == 1
    await api.good("ns.transact", [["a-1", T]], {"check": {"guard-1": 0, "none-1": -1}})
    await api.good("ns.transact", [["a-1", T]], {"check": {}})
    await api.good("ns.transact", [["a-1", T]], {"check": None})


async def test_versions_of_one_stream_that_do_not_agree_are_refused_with_the_place(api):
    items = [["a-1", T, {"expectedVersion": 0}], ["b-1", T], ["a-1", T, {"expectedVersion": 1}]]
    code, details = await api.refused("ns.transact", items)
    assert code == "INVALID_REQUEST"
    assert details == {"path": "$[1][2][2].expectedVersion", "index": 2}
    code, details = await api.refused("ns.transact", items[:2], {"check": {"a-1": -1}})
    assert (code, details) == ("INVALID_REQUEST", {"path": '$[2].check["a-1"]'})


@pytest.mark.parametrize(
    ("bad", "path"),
    [
        (["s-1"], ""),
        (["s-1", T, None, 4], ""),
        ({"stream": "s-1"}, ""),
        ([7, T], "[0]"),
        (["", T], "[0]"),
        (["s-1", {"type": "T"}], "[1].data"),
        (["s-1", {**T, "id": str(uuid4())}], "[1].id"),
        (["s-1", {"type": "T", "data": "\0"}], "[1].data"),
        (["s-1", T, {"id": "x"}], "[2].id"),
        (["s-1", T, {"expectedVersion": -2}], "[2].expectedVersion"),
        (["s-1", T, {"expectedversion": 1}], "[2].expectedversion"),
    ],
)
async def test_a_fault_is_named_by_place_and_index_and_nothing_is_written(api, bad, path):
    code, details = await api.refused("ns.transact", [["a-1", T], bad, ["a-1", T]])
    assert code == "INVALID_REQUEST"
    assert details == {"path": f"$[1][1]{path}", "index": 1}
    assert await api.all() == []


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"check": []}, "$[2].check"),
        ({"check": {"a-1": -2}}, '$[2].check["a-1"]'),
        ({"check": {"": 0}}, '$[2].check[""]'),
        ({"check": {f"a-{n}": -1 for n in range(1001)}}, "$[2].check"),
        ({"expectedVersion": 0}, "$[2].expectedVersion"),
    ],
    ids=["array", "version", "name", "many", "unknown"],
)
async def test_a_check_maps_streams_to_versions(api, options, path):
    assert await api.refused("ns.transact", [["a-1", T]], options) == (
        "INVALID_REQUEST",
        {"path": path},
    )


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_transaction_holds_1_to_1000_messages(api, count):
    code, details = await api.refused("ns.transact", [["a-1", T]] * count)
    assert (code, details) == ("INVALID_REQUEST", {"path": "$[1]"})


async def test_an_id_twice_in_a_transaction_is_refused(api):
    option = {"id": str(uuid4())}
    code, details = await api.refused("ns.transact", [["a-1", T, option], ["b-1", T, option]])
    assert (code, details) == ("INVALID_REQUEST", {"path": "$[1][1][2].id", "index": 1})


async def test_a_transaction_with_ids_is_repeatable_whatever_was_checked(api):
    items = [[stream, T, {"id": str(uuid4()), "expectedVersion": -1}] for stream in ("a-1", "b-1")]
    first = await api.good("ns.transact", items, {"check": {"c-1": -1}})
    await api.good("stream.write", "c-1", T)
    assert await api.good("ns.transact", items, {"check": {"c-1": -1}}) == first
    assert await api.good("ns.transact", items[::-1]) == first[::-1]
    code, details = await api.refused("ns.transact", [*items, ["d-1", T, {"id": str(uuid4())}]])
    assert code == "MESSAGE_ID_CONFLICT"
    assert details["index"] in (0, 1, 2)
    assert len(await api.all()) == 3


async def test_one_wrong_version_of_300_streams_undoes_a_thousand_and_nothing_else(api):
    """The other callers, who share its commit, are unhurt."""
    await api.good("stream.write", "account-137", T)
    items = [[f"account-{n % 300}", {"type": "T", "data": n}] for n in range(1000)]
    items[437] = [*items[437], {"expectedVersion": 7}]
    answers = {}

    async def other(n):
        answers[n] = await api("stream.write", f"other-{n}", T, {"expectedVersion": -1})

    async def transaction():
        answers["transaction"] = await api("ns.transact", items)

    async with trio.open_nursery() as nursery:
        for n in range(10):
            nursery.start_soon(other, n)
        nursery.start_soon(transaction)
        for n in range(10, 20):
            nursery.start_soon(other, n)
    refused = answers.pop("transaction")
    assert (refused.status, refused.code) == (409, "STREAM_VERSION_CONFLICT")
    assert refused.error[2] == {"stream": "account-137", "expected": 7, "actual": 0, "index": 437}
    assert all(answer.status == 200 for answer in answers.values())
    assert len(await api.all()) == 21
    assert [s["stream"] for s in await api.good("ns.streams", {"prefix": "account-"})] == [
        "account-137"
    ]
