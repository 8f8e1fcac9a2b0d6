"""`kill -9` in the middle of many writes."""

from __future__ import annotations

import signal

import pytest
from fixtures.server import Server

from blackbox.backends import TOKEN, Backend
from blackbox.client import Answer, connected, hammer
from blackbox.ledger import Ledger, check_on, retry_open

# How many of the 2,000 writes of a round are answered when the server is killed.
ROUNDS = (1, 400, 900, 1400, 1900)


@pytest.mark.timeout(300)  # six starts; each wait in it has its own bound
def test_what_was_answered_survives_kill_9_five_times(lasting: Backend) -> None:
    ledger = Ledger()
    for answers in ROUNDS:
        with lasting.server() as server:
            check_on(server, ledger)
            retry_open(server, ledger)
            kill_while_writing(server, ledger, answers)
    with lasting.server() as server:
        check_on(server, ledger)
        retry_open(server, ledger)
        check_on(server, ledger)
        check_repeats(server, ledger)


def kill_while_writing(server: Server, ledger: Ledger, answers: int) -> None:
    """Start 2,000 writes on 50 connections, and kill the server with so many of them answered."""
    first = len(ledger.writes)
    before = len(ledger.answered)

    def answered(number: int, answer: Answer) -> None:
        assert answer.status == 200, answer
        ledger.note(ledger.writes[first + number], answer)
        if len(ledger.answered) == before + answers:
            server.send(signal.SIGKILL)

    hammer(server, TOKEN, ledger.add(2000), connections=50, answered=answered)
    assert server.wait() == -signal.SIGKILL
    assert len(ledger.open()) > 0, "it was not in the middle"


def check_repeats(server: Server, ledger: Ledger) -> None:
    """A write that was answered long ago is answered with the same places again."""
    with connected(server, TOKEN) as client:
        before = client.result("ns.info", "default")["messageCount"]
        for identifier in ledger.writes[::500]:
            ledger.note(identifier, client.call(*ledger.call(identifier)))
        assert client.result("ns.info", "default")["messageCount"] == before == 10_000
