"""Many at once: first requests in test mode, and writers who expect the same version."""

from __future__ import annotations

import base64
import threading
from collections import Counter

from fixtures.server import LIMIT, start_server

from blackbox.backends import TOKEN, Backend
from blackbox.client import Answer, Client, at_once, connected

CALLERS = 100
WRITERS = 50
VERSIONS = 20


def test_a_hundred_first_requests_at_once_get_a_hundred_namespaces() -> None:
    with start_server(["--test-mode"], {"MESSAGEDB_TOKEN": TOKEN}) as server:
        start = threading.Barrier(CALLERS, timeout=LIMIT)

        def first_request(number: int) -> Answer:
            with connected(server) as client:
                client.connect()
                start.wait()
                return client.call("stream.write", "account-1", {"type": "A", "data": number})

        answers = at_once(CALLERS, first_request)
        assert [(a.status, a.result["position"]) for a in answers] == [(200, 0)] * CALLERS
        tokens = [a.token for a in answers]
        assert len(set(tokens)) == CALLERS
        with connected(server, TOKEN) as admin:
            listed = {n["namespace"]: n["messageCount"] for n in admin.result("ns.list")}
            listed.update((n["namespace"], 0) for n in admin.result("ns.list", {"offset": 100}))
        assert listed.keys() - {"default"} == set(map(namespace_of, tokens))
        assert len(listed) == CALLERS + 1
        for number, token in enumerate(tokens):
            with connected(server, token) as client:
                assert [m[4] for m in client.result("stream.get", "account-1")] == [number]
                assert [m[5] for m in client.result("category.get", "account")] == [number]


def namespace_of(token: str | None) -> str:
    assert token is not None
    encoded = token.removeprefix("ns_").rpartition("_")[0]
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()


def test_of_fifty_writers_who_expect_a_version_one_wins(backend: Backend) -> None:
    """A thousand writes to one stream: fifty contend for each of twenty versions."""
    with backend.server() as server:
        round_ = threading.Barrier(WRITERS, timeout=LIMIT)

        def write(writer: int) -> list[int]:
            with connected(server, TOKEN) as client:
                return [expect(client, writer, version, round_) for version in range(VERSIONS)]

        won = at_once(WRITERS, write)
        with connected(server, TOKEN) as client:
            stored = client.result("stream.get", "account-1")
        winners = [
            [writer for writer in range(WRITERS) if won[writer][version]]
            for version in range(VERSIONS)
        ]
        assert [len(w) for w in winners] == [1] * VERSIONS
        assert [m[2] for m in stored] == list(range(VERSIONS))
        assert [m[4] for m in stored] == [winner for [winner] in winners]
        assert Counter(len(w) for w in won) == {VERSIONS: WRITERS}


def expect(client: Client, writer: int, version: int, round_: threading.Barrier) -> bool:
    """Contend for a version with all the others; tell whether this writer has won it."""
    round_.wait()
    message = {"type": "Claimed", "data": writer}
    answer = client.call("stream.write", "account-1", message, {"expectedVersion": version - 1})
    if answer.status == 200:
        assert answer.result["position"] == version
        return True
    assert (answer.status, answer.code) == (409, "STREAM_VERSION_CONFLICT")
    assert answer.result["error"]["details"] == {
        "stream": "account-1",
        "expected": version - 1,
        "actual": version,
    }
    return False
