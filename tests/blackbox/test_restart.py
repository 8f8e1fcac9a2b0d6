"""Stopping in order, and going on where it was."""

from __future__ import annotations

import signal
import uuid

from blackbox.backends import TOKEN, Backend
from blackbox.client import Answer, Follower, connected, hammer
from blackbox.ledger import CATEGORY, Ledger, check_on, retry_open


def test_a_restart_keeps_tokens_namespaces_messages_and_goes_on(lasting: Backend) -> None:
    description = {"description": "Tenant A", "metadata": {"plan": ["gold", 10**20]}}
    with lasting.server() as server, connected(server, TOKEN) as admin:
        tenant = admin.result("ns.create", "tenant-a", description)["token"]
        doomed = admin.result("ns.create", "tenant-b")["token"]
        admin.result("ns.delete", "tenant-b")
        with connected(server, tenant) as client:
            for number in range(5):
                client.result(*write(f"account-{number % 2}", number))
            before = client.result("category.get", "account")
            info = client.result("ns.info", "tenant-a")
        admin.result(*write("account-0", "of default"))
        listed = admin.result("ns.list")
        assert server.stop() == 0
    with lasting.server() as server, connected(server, TOKEN) as admin:
        assert admin.result("ns.list") == listed
        with connected(server, doomed) as gone:
            assert gone.call("stream.version", "account-0").code == "AUTH_UNAUTHORIZED"
        with connected(server, tenant) as client:
            assert client.result("category.get", "account") == before
            assert client.result("ns.info", "tenant-a") == info
            written = client.result(*write("account-0", "next"))
            assert written["position"] == 3
            assert written["globalPosition"] > before[-1][4]
        with connected(server, TOKEN) as default:
            assert [m[5] for m in default.result("category.get", "account")] == ["of default"]
            assert default.result("stream.version", "account-1") is None


def test_sigterm_during_writes_loses_no_answer_and_ends_subscriptions(lasting: Backend) -> None:
    ledger = Ledger()
    calls = ledger.add(2000)
    with lasting.server() as server, Follower(server, TOKEN, category=CATEGORY) as follower:

        def answered(number: int, answer: Answer) -> None:
            ledger.note(ledger.writes[number], answer)
            if len(ledger.answered) == 600:
                server.send(signal.SIGTERM)

        hammer(server, TOKEN, calls, connections=50, answered=answered)
        assert server.wait() == 0
        follower.wait_end()
        assert follower.clean_end
    assert len(ledger.answered) < 2000, "it was not in the middle"
    assert set(ledger.refused.values()) <= {"OVERLOADED"}
    with lasting.server() as server:
        check_on(server, ledger)
        with connected(server, TOKEN) as client:
            stored = client.result("category.get", CATEGORY, {"batchSize": -1})
        # A beginning of what was written, without a gap: the client resumes after it.
        assert follower.pokes == [(m[1], m[3], m[4]) for m in stored[: len(follower.pokes)]]
        with Follower(server, TOKEN, last_id=follower.events[-1][0], category=CATEGORY) as back:
            retry_open(server, ledger)
            check_on(server, ledger)
            back.wait_for(2000 - len(follower.pokes))
            found = [place[2] for place in follower.pokes + back.pokes]
            assert found == sorted(set(found))


def write(stream: str, data: object) -> tuple[object, ...]:
    message = {"type": "Written", "data": data, "metadata": {"by": "a test"}}
    return ("stream.write", stream, message, {"id": str(uuid.uuid4())})
