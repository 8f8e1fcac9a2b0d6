"""`ns.get`, `ns.streams`, `ns.categories`, `ns.list`: what there is."""

import re

import pytest

T = {"type": "T", "data": 1}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def fill(api, *streams):
    await api.good("ns.transact", [[stream, {"type": "T", "data": stream}] for stream in streams])


async def test_everything_is_read_in_the_order_of_its_writing(api):
    assert await api.good("ns.get") == []
    await fill(api, "a-1", "b-1", "a-1", "c")
    rows = await api.good("ns.get", {})
    assert [len(row) for row in rows] == [8] * 4
    assert [(row[1], row[2], row[3], row[5], row[6]) for row in rows] == [
        ("a-1", "T", 0, "a-1", None),
        ("b-1", "T", 0, "b-1", None),
        ("a-1", "T", 1, "a-1", None),
        ("c", "T", 0, "c", None),
    ]
    assert [row[4] for row in rows] == sorted(row[4] for row in rows)
    assert all(TIME.fullmatch(row[7]) for row in rows)


async def test_everything_is_read_from_a_position_in_either_direction(api):
    await fill(api, *"abcde")
    at = [row[4] for row in await api.good("ns.get")]

    async def names(**options):
        return "".join(row[1] for row in await api.good("ns.get", options))

    assert await names(globalPosition=at[2]) == "cde"
    assert await names(globalPosition=at[1], batchSize=2) == "bc"
    assert await names(direction="backward") == "edcba"
    assert await names(direction="backward", globalPosition=at[2]) == "cba"
    assert await names(direction="backward", batchSize=2) == "ed"
    assert await names(direction="forward", globalPosition=-5) == "abcde"
    assert await names(globalPosition=at[4] + 1) == ""
    assert await names(batchSize=0) == ""
    assert await names(batchSize=-1) == "abcde"
    assert await names(batchSize=-1, direction="backward") == "edcba"


async def test_a_type_is_filtered_before_the_batch_is_cut(api):
    await api.good("stream.writeBatch", "s-1", [{"type": "UV"[n % 2], "data": n} for n in range(6)])
    rows = await api.good("ns.get", {"type": "V", "batchSize": 2})
    assert [row[5] for row in rows] == [1, 3]


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"position": 1}, "$[1].position"),
        ({"globalPosition": "1"}, "$[1].globalPosition"),
        ({"globalPosition": 2**63}, "$[1].globalPosition"),
        ({"batchSize": 10_001}, "$[1].batchSize"),
        ({"batchSize": -2}, "$[1].batchSize"),
        ({"direction": "up"}, "$[1].direction"),
        ({"type": ""}, "$[1].type"),
        ([], "$[1]"),
    ],
)
async def test_a_wrong_option_of_the_read_is_named(api, options, path):
    assert await api.refused("ns.get", options) == ("INVALID_REQUEST", {"path": path})


async def test_streams_are_listed_by_code_point_with_their_last_message(api):
    names = ["b-1", "B-1", "a-1", "é-1", "a-2", "zz", "\U0001f600-1", "\uffee-1"]
    await fill(api, *names, "a-1")
    listed = await api.good("ns.streams")
    assert [one["stream"] for one in listed] == sorted(names)
    assert {one["stream"]: one["version"] for one in listed} == {
        **dict.fromkeys(names, 0),
        "a-1": 1,
    }
    assert all(set(one) == {"stream", "version", "lastActivity"} for one in listed)
    last = await api.good("stream.last", "a-1")
    assert listed[1]["stream"] == "a-1"
    assert listed[1]["lastActivity"] == last[6]


async def test_a_prefix_is_taken_literally(api):
    await fill(api, "a%b-1", "axb-1", "a_b-1", "a%-1", "a", "ab", "A%b-1", "a\\b-1")

    async def listed(prefix):
        return [one["stream"] for one in await api.good("ns.streams", {"prefix": prefix})]

    assert await listed("a%") == ["a%-1", "a%b-1"]
    assert await listed("a_") == ["a_b-1"]
    assert await listed("a\\") == ["a\\b-1"]
    assert await listed("ab") == ["ab"]
    assert await listed("%") == []
    assert await listed("a%b-1") == ["a%b-1"]
    assert len(await listed("")) == 8
    assert len(await listed("a")) == 7


async def test_streams_come_in_pages_after_a_cursor(api):
    names = [f"a-{n:03}" for n in range(130)]
    await fill(api, *names, "b-1", "A-1")
    assert len(await api.good("ns.streams")) == 100
    found, cursor = [], None
    while True:
        page = await api.good("ns.streams", {"prefix": "a-", "limit": 50, "cursor": cursor})
        found += [one["stream"] for one in page]
        if len(page) < 50:
            break
        cursor = found[-1]
    assert found == names
    assert [s["stream"] for s in await api.good("ns.streams", {"cursor": "a-128"})] == [
        "a-129",
        "b-1",
    ]
    between = await api.good("ns.streams", {"prefix": "a-", "cursor": "a-1275", "limit": 1})
    assert [one["stream"] for one in between] == ["a-128"]
    before = await api.good("ns.streams", {"prefix": "b", "cursor": "A"})
    assert [one["stream"] for one in before] == ["b-1"]
    assert await api.good("ns.streams", {"prefix": "a-", "cursor": "b"}) == []


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"limit": 0}, "$[1].limit"),
        ({"limit": 1001}, "$[1].limit"),
        ({"limit": "5"}, "$[1].limit"),
        ({"prefix": 5}, "$[1].prefix"),
        ({"prefix": "a\0"}, "$[1].prefix"),
        ({"cursor": "a\0"}, "$[1].cursor"),
        ({"offset": 5}, "$[1].offset"),
    ],
)
async def test_a_wrong_option_of_the_listing_is_named(api, options, path):
    assert await api.refused("ns.streams", options) == ("INVALID_REQUEST", {"path": path})


async def test_categories_are_listed_by_name_and_counted(api):
    assert await api.good("ns.categories") == []
    await fill(api, "b-1", "a-1", "a-2", "a-1", "a", "B-1", "-1")
    assert await api.good("ns.categories") == [
        {"category": "", "streamCount": 1, "messageCount": 1},
        {"category": "B", "streamCount": 1, "messageCount": 1},
        {"category": "a", "streamCount": 3, "messageCount": 4},
        {"category": "b", "streamCount": 1, "messageCount": 1},
    ]
    code, details = await api.refused("ns.categories", "a")
    assert (code, details) == ("INVALID_REQUEST", {"path": "$[1]"})


async def test_each_namespace_sees_its_own(api):
    await fill(api, "a-1")
    other = await api.create("n2")
    assert await api.good("ns.get", token=other) == []
    assert await api.good("ns.streams", token=other) == []
    assert await api.good("ns.categories", token=other) == []


@pytest.mark.parametrize("method", ["ns.get", "ns.streams", "ns.categories", "ns.transact"])
async def test_a_token_is_needed(api, method):
    answer = await api(method, token=None)
    assert (answer.status, answer.code) == (401, "AUTH_REQUIRED")


async def test_namespaces_are_listed_in_pages(api):
    names = sorted(["tests", "default", *(f"m-{n:03}" for n in range(120)), "Z"])
    for name in set(names) - {"tests", "default"}:
        await api.create(name)
    await api.good("stream.write", "s-1", T)

    async def listed(*options):
        found = await api.good("ns.list", *options, token=api.admin)
        return [one["namespace"] for one in found]

    assert await listed() == names[:100]
    assert await listed({"offset": 100}) == names[100:]
    assert await listed({"limit": 7, "offset": 5}) == names[5:12]
    assert await listed({"limit": 1000, "offset": 0}) == names
    assert await listed({"offset": 123}) == []
    last = await api.good("ns.list", {"offset": 122}, token=api.admin)
    assert set(last[0]) == {"namespace", "description", "createdAt", "messageCount"}
    assert (last[0]["namespace"], last[0]["messageCount"]) == ("tests", 1)


@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": 1001}, {"offset": -1}])
async def test_a_page_of_namespaces_that_cannot_be_is_refused(api, options):
    (name,) = options
    code, details = await api.refused("ns.list", options, token=api.admin)
    assert (code, details) == ("INVALID_REQUEST", {"path": f"$[1].{name}"})
