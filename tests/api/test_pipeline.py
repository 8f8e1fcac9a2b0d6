"""Many calls in one request."""

from uuid import uuid4

import pytest
import trio
from fixtures.api import Api
from fixtures.served import server

from mdb.core import tokens

T = {"type": "T", "data": 1}


def codes(answers):
    """The code of each answer, or "ok"."""
    return [answer["error"]["code"] if "error" in answer else "ok" for answer in answers]


def write(stream, **options):
    return ["stream.write", stream, T, options]


async def test_calls_are_answered_in_order_and_each_sees_those_before_it(api):
    answer = await api.post(
        [
            ["stream.version", "s-1"],
            write("s-1"),
            ["stream.version", "s-1"],
            ["stream.writeBatch", "s-1", [T, T], {"expectedVersion": 0}],
            ["ns.transact", [["s-1", T], ["t-1", T]], {"check": {"s-1": 2}}],
            ["stream.get", "s-1", {"position": 2}],
            ["util.category", "s-1"],
            ["sys.version"],
        ]
    )
    assert answer.status == 200
    assert set(codes(answer.json)) == {"ok"}
    results = [one["result"] for one in answer.json]
    assert results[0] is None
    assert results[1]["position"] == 0
    assert results[2] == 0
    assert [one["position"] for one in results[3]] == [1, 2]
    assert [one["position"] for one in results[4]] == [3, 0]
    assert [row[2] for row in results[5]] == [2, 3]
    assert results[6] == "s"
    assert "content-length" in answer.headers
    assert "x-request-id" in answer.headers


async def test_a_failed_call_is_an_answer_and_the_others_are_carried_out(api):
    given = str(uuid4())
    answer = await api.post(
        [
            write("s-1", id=given),
            write("s-1", expectedVersion=9),
            ["stream.write", "s-1", {"type": "T"}],
            write("s-1", id=given),
            ["stream.write", "s-2", T, {"id": given}],
            ["ns.transact", [["s-1", T], ["t-1", T, {"expectedVersion": 3}]]],
            write("s-1"),
            ["no.such"],
            "not a call",
            [],
            [["sys.version"]],
            {},
            ["stream.version", "s-1"],
        ]
    )
    assert answer.status == 200
    assert codes(answer.json) == [
        "ok",
        "STREAM_VERSION_CONFLICT",
        "INVALID_REQUEST",
        "ok",
        "MESSAGE_ID_CONFLICT",
        "STREAM_VERSION_CONFLICT",
        "ok",
        *["INVALID_REQUEST"] * 5,
        "ok",
    ]
    errors = [one.get("error") for one in answer.json]
    assert errors[1]["details"] == {"stream": "s-1", "expected": 9, "actual": 0}
    assert errors[2]["details"] == {"path": "$[2].data"}
    assert errors[5]["details"]["index"] == 1
    assert all(set(error) == {"code", "message", "details"} for error in errors if error)
    assert answer.json[3] == answer.json[0]
    assert answer.json[-1] == {"result": 1}


async def test_a_thousand_calls_are_a_pipeline_and_one_more_is_not(api):
    answer = await api.post([write(f"s-{n % 7}") for n in range(1000)])
    assert set(codes(answer.json)) == {"ok"}
    heights = [one["result"]["globalPosition"] for one in answer.json]
    assert heights == list(range(heights[0], heights[0] + 1000))
    answer = await api.post([write("s-1")] * 1001)
    assert (answer.status, answer.code, answer.error[2]) == (400, "INVALID_REQUEST", {"path": "$"})
    assert len(await api.all()) == 1000
    answer = await api.post([])
    assert (answer.status, answer.code) == (400, "INVALID_REQUEST")


async def test_consecutive_writes_share_a_commit(api):
    """A write refused on its way is no reason to wait for those before it."""
    namespace = await api.namespace()
    sizes = []
    commit = namespace.store.commit

    async def counted(questions):
        sizes.append(len(questions))
        return await commit(questions)

    namespace.store.commit = counted
    good = [write("s-1"), ["stream.writeBatch", "s-1", [T, T]], ["ns.transact", [["t-1", T]]]]
    await api.post([*good, ["stream.write"], *good, ["stream.version", "s-1"], *good])
    assert sizes == [6, 3]


async def test_everything_cannot_be_asked_for_inside_a_pipeline(api):
    everything = {"batchSize": -1}
    answer = await api.post(
        [
            ["stream.get", "s-1", everything],
            ["category.get", "s", everything],
            ["ns.get", everything],
            ["ns.get", {"batchSize": 10_000}],
        ]
    )
    assert codes(answer.json) == [*["INVALID_REQUEST"] * 3, "ok"]
    paths = [one["error"]["details"]["path"] for one in answer.json[:3]]
    assert paths == ["$[2].batchSize", "$[2].batchSize", "$[1].batchSize"]


async def test_the_token_is_judged_for_each_call(api):
    calls = [["util.id", "s-1"], write("s-1"), ["ns.list"], ["ns.info", "tests"], ["ns.info", "n2"]]
    without = await api.post(calls, token=None)
    assert (without.status, codes(without.json)) == (200, ["ok", *["AUTH_REQUIRED"] * 4])
    assert codes((await api.post(calls, token="junk")).json) == [
        "ok",
        *["AUTH_INVALID_TOKEN"] * 4,
    ]
    unknown = await api.post(calls, token=tokens.make("tests"))
    assert codes(unknown.json) == ["ok", *["AUTH_UNAUTHORIZED"] * 4]
    own = await api.post(calls)
    assert codes(own.json) == ["ok", "ok", "AUTH_UNAUTHORIZED", "ok", "AUTH_UNAUTHORIZED"]
    admin = await api.post(calls, token=api.admin)
    assert codes(admin.json) == ["ok", "ok", "ok", "ok", "NAMESPACE_NOT_FOUND"]
    assert len(await api.all()) == 1


async def test_an_unknown_token_is_looked_up_once_a_request(api):
    looked_up = []
    find = api.db.store.find_token

    async def counted(digest):
        looked_up.append(digest)
        return await find(digest)

    api.db.store.find_token = counted
    answer = await api.post([write("s-1"), ["ns.list"]] * 300, token=tokens.make("tests"))
    assert set(codes(answer.json)) == {"AUTH_UNAUTHORIZED"}
    assert len(looked_up) == 1


async def test_a_token_replaced_in_the_pipeline_opens_nothing_after_it(api):
    answer = await api.post(
        [write("s-1"), ["ns.rotateToken", "tests"], write("s-1"), ["util.id", "s-1"], ["ns.get"]]
    )
    assert codes(answer.json) == ["ok", "ok", "AUTH_UNAUTHORIZED", "ok", "AUTH_UNAUTHORIZED"]
    token = answer.json[1]["result"]["token"]
    assert len(await api.good("ns.get", token=token)) == 1


async def test_a_namespace_deleted_in_the_pipeline_is_gone_after_it(api):
    answer = await api.post([write("s-1"), ["ns.delete", "tests"], write("s-1"), ["ns.get"]])
    assert codes(answer.json) == ["ok", "ok", "AUTH_UNAUTHORIZED", "AUTH_UNAUTHORIZED"]
    assert answer.json[1]["result"]["messagesDeleted"] == 1


@pytest.mark.parametrize("length", [150_000, 900_000], ids=["small calls", "calls of many pages"])
async def test_a_large_answer_is_streamed_and_whole(api, length):
    text = "é" * (length // 2)
    for n in range(4):
        body = {"type": "T", "data": [n, text[: length // 4], text[: length // 4]]}
        await api.good("stream.write", "s-1", body)
    calls = [
        ["stream.version", "s-1"],
        ["stream.get", "s-1"],
        write("t-1"),
        ["stream.get", "s-1", {"direction": "backward"}],
        ["no.such"],
        ["stream.version", "t-1"],
    ]
    answer = await api.post(calls)
    assert (answer.status, answer.headers.get("transfer-encoding")) == (200, "chunked")
    assert codes(answer.json) == ["ok", "ok", "ok", "ok", "INVALID_REQUEST", "ok"]
    results = [one.get("result") for one in answer.json]
    assert results[0] == 3
    assert [row[4][0] for row in results[1]] == [0, 1, 2, 3]
    assert results[1] == results[3][::-1]
    assert results[5] == 0


async def test_the_calls_share_one_deadline(lane):
    """What is left when it has passed is answered one by one, and nothing of it is written."""
    async with server(lane=lane, request_timeout=0.5) as running:
        api = Api(running)
        namespace = await api.namespace()
        hung = trio.Event()

        async def hang(stream):
            hung.set()
            await trio.sleep_forever()

        namespace.store.version = hang
        answer = await api.post([write("s-1"), ["stream.version", "s-1"], write("s-1")])
        assert hung.is_set()
        assert codes(answer.json) == ["ok", "TIMEOUT", "TIMEOUT"]
        assert len(await api.all()) == 1


async def test_a_full_queue_refuses_the_writes_of_a_pipeline_together(api):
    namespace = await api.namespace()
    await namespace.write("s-1", "T", 1)
    actor = namespace._actors.get(namespace.record.incarnation)
    actor.mailbox.max_count = 3
    answer = await api.post([*[write("s-1")] * 4, ["stream.version", "s-1"], write("s-1")])
    assert codes(answer.json) == [*["OVERLOADED"] * 4, "ok", "ok"]
    assert answer.json[4] == {"result": 0}


async def test_a_fault_of_the_server_is_one_calls_answer_and_tells_nothing(api, caplog):
    namespace = await api.namespace()

    async def broken(stream):
        raise RuntimeError("the secret")

    namespace.store.version = broken
    answer = await api.post([write("s-1"), ["stream.version", "s-1"], write("s-1")])
    assert codes(answer.json) == ["ok", "BACKEND_ERROR", "ok"]
    assert b"secret" not in answer.body
    assert "the secret" in caplog.text


async def test_in_test_mode_a_pipeline_without_a_token_gets_one_namespace(in_test_mode):
    api = Api(in_test_mode)
    before = len(await api.db.store.list_namespaces(10, 0))
    bad = [["stream.write", "s-1", {}], ["util.id", "s-1"], ["no.such"]]
    refused = await api.post([*bad, ["ns.get", {"batchSize": -1}]], token=None)
    assert codes(refused.json) == ["INVALID_REQUEST", "ok", *["INVALID_REQUEST"] * 2]
    assert "x-messagedb-token" not in refused.headers
    assert len(await api.db.store.list_namespaces(10, 0)) == before

    calls = [*bad, write("s-1"), ["ns.info", "x"], ["stream.version", "s-1"]]
    answer = await api.post(calls, token=None)
    assert codes(answer.json)[3:] == ["ok", "AUTH_REQUIRED", "ok"]
    token = answer.headers["x-messagedb-token"]
    assert len(await api.db.store.list_namespaces(10, 0)) == before + 1
    rows = await api.good("ns.get", token=token)
    assert [row[1] for row in rows] == ["s-1"]


async def test_in_test_mode_the_token_comes_with_an_answer_that_is_streamed(in_test_mode):
    """It is in the head, which leaves before the call that needs the namespace is run."""
    api = Api(in_test_mode)
    answer = await api.post([["util.category", "x" * 1_200_000], write("s-1")], token=None)
    assert answer.headers.get("transfer-encoding") == "chunked"
    assert codes(answer.json) == ["ok", "ok"]
    token = answer.headers["x-messagedb-token"]
    assert len(await api.good("ns.get", token=token)) == 1


async def test_in_test_mode_an_unknown_token_makes_its_namespace_once(in_test_mode):
    api = Api(in_test_mode)
    token = tokens.make("mine")
    bad = await api.post([["stream.write", "s-1", {}]], token=token)
    assert codes(bad.json) == ["INVALID_REQUEST"]
    assert await api.db.store.find_namespace("mine") is None
    answer = await api.post([write("s-1"), write("s-1"), ["ns.info", "mine"]], token=token)
    assert codes(answer.json) == ["ok"] * 3
    assert answer.json[2]["result"]["messageCount"] == 2


async def test_the_request_id_is_the_clients_own(api):
    answer = await api.post([["sys.version"]], headers=[("X-Request-Id", "mine-1")])
    assert answer.headers["x-request-id"] == "mine-1"


async def test_white_space_makes_no_difference(api):
    answer = await api.post(b' [ \n [ "util.id" , "s-1" ] ,\t["util.id","t-2"] ] ')
    assert answer.json == [{"result": "1"}, {"result": "2"}]
