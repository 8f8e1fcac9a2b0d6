"""What stands around the calls: other paths, methods, headers, CORS, readiness."""

import re

import pytest
from fixtures.served import server, serving

import mdb
from mdb.core.errors import BackendUnavailable
from mdb.http.cors import AllowedOrigins

CALL = b'["sys.version"]'


@pytest.mark.parametrize("target", ["/", "/rpc/", "/rpcx", "/none", "/health/x", "/RPC", "/%2e%2e"])
async def test_an_unknown_path_is_not_found(served, target):
    for method in ("GET", "POST"):
        answer = await served.request(method, target, body=b"[]" if method == "POST" else None)
        assert answer.code == "NOT_FOUND"
        assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("GET", "/rpc", "POST"),
        ("PUT", "/rpc", "POST"),
        ("DELETE", "/rpc", "POST"),
        ("POST", "/subscribe", "GET"),
        ("POST", "/health", "GET"),
        ("DELETE", "/ready", "GET"),
        ("PUT", "/version", "GET"),
    ],
)
async def test_another_method_is_told_which_are_allowed(served, method, target, allowed):
    answer = await served.request(method, target, body=b"" if method != "GET" else None)
    assert answer.code == "METHOD_NOT_ALLOWED"
    allow = {name.strip() for name in answer.headers["allow"].split(",")}
    assert allowed in allow
    assert method not in allow


async def test_a_query_string_on_rpc_changes_nothing(served):
    answer = await served.request("POST", "/rpc?x=1", served.bearer(served.own), CALL)
    assert answer.status == 200


async def test_health_ready_and_version(served):
    for headers in ((), [("Authorization", "Bearer nonsense")]):
        health = await served.request("GET", "/health", headers)
        assert (health.status, health.json) == (200, {"status": "ok"})
        ready = await served.request("GET", "/ready", headers)
        assert (ready.status, ready.json) == (200, {"status": "ready"})
        version = await served.request("GET", "/version", headers)
        assert version.status == 200
        assert (await served.call("sys.version")).result in version.json.values()


async def test_head_is_get_without_a_body(served):
    answer = await served.request("HEAD", "/health")
    assert (answer.status, answer.body) == (200, b"")


async def test_ready_says_that_the_server_is_stopping_and_health_that_it_lives(served):
    served.database.drain()
    ready = await served.request("GET", "/ready")
    assert ready.status == 503
    assert set(ready.json) == {"status", "reason"}
    assert (await served.request("GET", "/health")).status == 200


async def test_ready_says_that_the_database_does_not_answer(served, monkeypatch):
    async def unreachable():
        raise BackendUnavailable("the database cannot be reached")

    monkeypatch.setattr(served.database.store, "ping", unreachable)
    ready = await served.request("GET", "/ready")
    assert ready.status == 503
    assert set(ready.json) == {"status", "reason"}
    assert ready.json["reason"]
    answer = await served.call("sys.health")
    assert answer.code == "BACKEND_UNAVAILABLE"
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_fault_that_nobody_foresaw_tells_nothing_of_itself(served, monkeypatch, caplog):
    async def broken(*_args):
        raise RuntimeError("secret")

    namespace = await served.database.namespace("tests")
    monkeypatch.setattr(type(namespace.store), "version", broken)
    answer = await served.call("stream.version", "s-1")
    assert answer.code == "BACKEND_ERROR"
    assert "secret" not in answer.message
    assert "RuntimeError" not in answer.message
    assert (await served.call("stream.get", "s-1")).status == 200
    assert any("secret" in (record.exc_text or "") or record.exc_info for record in caplog.records)


async def test_a_deadline_that_passes_during_a_read_is_a_timeout(lane, monkeypatch):
    import trio

    async with server(lane=lane, request_timeout=0.05) as served:

        async def never(*_args):
            await trio.sleep_forever()

        namespace = await served.database.namespace("tests")
        monkeypatch.setattr(type(namespace.store), "version", never)
        assert (await served.call("stream.version", "s-1")).code == "TIMEOUT"


async def test_a_write_after_the_deadline_is_not_made(lane):
    async with server(lane=lane, request_timeout=-1.0) as served:
        answer = await served.call("stream.write", "s-1", {"type": "T", "data": 1})
        assert answer.code == "TIMEOUT"
        namespace = await served.database.namespace("tests")
        assert await namespace.version("s-1") is None


# Request ids


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("POST", "/rpc", CALL),
        ("POST", "/rpc", b"{"),
        ("GET", "/health", None),
        ("GET", "/none", None),
        ("GET", "/rpc", None),
        ("GET", "/subscribe", None),
    ],
)
async def test_every_answer_has_a_request_id(served, method, target, body):
    sane = [("X-Request-Id", "req-42.a_b")]
    answer = await served.request(method, target, sane, body)
    assert answer.headers["x-request-id"] == "req-42.a_b"
    for bad in ("x" * 500, "a b", ""):
        answer = await served.request(method, target, [("X-Request-Id", bad)], body)
        assert answer.headers["x-request-id"] not in {bad, ""}
    first = await served.request(method, target, (), body)
    second = await served.request(method, target, (), body)
    assert re.fullmatch(r"[!-~]{8,}", first.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


# CORS

HERE, THERE = "https://app.example", "https://other.example"
CORS = "access-control-allow-origin"


@pytest.fixture
async def with_origins(lane):
    async with server(lane=lane, origins=AllowedOrigins(listed=frozenset({HERE}))) as running:
        yield running


REQUESTS = [
    ("POST", "/rpc", CALL),
    ("POST", "/rpc", b"{"),
    ("GET", "/health", None),
    ("GET", "/x", None),
]


async def test_without_a_setting_no_origin_is_allowed(served):
    for method, target, body in REQUESTS:
        answer = await served.request(method, target, [("Origin", HERE)], body)
        assert not any(name.startswith("access-control") for name in answer.headers)
    answer = await served.request("OPTIONS", "/rpc", [("Origin", HERE)])
    assert CORS not in answer.headers


async def test_a_listed_origin_may_read_answers_and_their_headers(with_origins):
    for method, target, body in REQUESTS:
        answer = await with_origins.request(method, target, [("Origin", HERE)], body)
        assert answer.headers[CORS] in {HERE, "*"}
        exposed = answer.headers["access-control-expose-headers"].lower()
        assert {"x-messagedb-token", "x-request-id"} <= {n.strip() for n in exposed.split(",")}
        assert "origin" in answer.headers["vary"].lower()


async def test_another_origin_may_not(with_origins):
    for method, target, body in REQUESTS:
        for origin in (THERE, "null", HERE + ".evil.example", HERE.upper()):
            answer = await with_origins.request(method, target, [("Origin", origin)], body)
            assert CORS not in answer.headers, origin
        assert CORS not in (await with_origins.request(method, target, (), body)).headers


@pytest.mark.parametrize("target", ["/rpc", "/subscribe"])
async def test_a_preflight_is_answered_for_a_listed_origin(with_origins, target):
    asked = [
        ("Access-Control-Request-Method", "POST" if target == "/rpc" else "GET"),
        ("Access-Control-Request-Headers", "authorization,content-type"),
    ]
    answer = await with_origins.request("OPTIONS", target, [("Origin", HERE), *asked])
    assert answer.status in {200, 204}
    assert answer.headers[CORS] in {HERE, "*"}
    assert asked[0][1] in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    for header in ("authorization", "content-type", "last-event-id", "x-request-id"):
        assert header in allowed
    answer = await with_origins.request("OPTIONS", target, [("Origin", THERE), *asked])
    assert CORS not in answer.headers


async def test_any_origin_may_be_allowed(lane):
    async with server(lane=lane, origins=AllowedOrigins(any=True)) as served:
        for origin in (HERE, THERE, "null"):
            for method, target, body in REQUESTS:
                answer = await served.request(method, target, [("Origin", origin)], body)
                assert answer.headers[CORS] in {origin, "*"}


async def test_two_servers_may_serve_one_database(lane):
    async with (
        mdb.open("sqlite://:memory:") as database,
        serving(database, lane=lane) as one,
        serving(database, lane=lane) as two,
    ):
        token, _replaced = await database.ensure_default()
        await one.call("stream.write", "s-1", {"type": "T", "data": 1}, token=token)
        assert (await two.call("stream.version", "s-1", token=token)).result == 0
