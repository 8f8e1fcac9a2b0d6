"""`kill -9` of Postgres in the middle of many writes, while the server stays up."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable

import pytest
from fixtures.postgres_server import PostgresServer
from fixtures.server import LIMIT, Server, start_server

from blackbox.backends import TOKEN
from blackbox.client import Answer, Follower, connected, hammer
from blackbox.ledger import CATEGORY, Ledger, check_on, retry_open

# How many of the 2,000 writes of a round are answered when the database is killed.
ROUNDS = (1, 400, 900, 1400, 1900)

# What a caller may be told while the database is away. Only the last leaves it open whether the
# write stands.
REFUSALS = {"BACKEND_UNAVAILABLE", "OVERLOADED", "TIMEOUT"}
UNCERTAIN = "WRITE_UNCERTAIN"


@pytest.mark.timeout(400)  # six starts of Postgres; each wait in it has its own bound
def test_what_was_answered_survives_five_kills_of_postgres(
    private_postgres: Callable[..., PostgresServer],
) -> None:
    postgres = private_postgres(durable=True)
    ledger = Ledger()
    environment = {"MESSAGEDB_TOKEN": TOKEN}
    with (
        start_server((f"--db-url={postgres.url()}",), environment) as server,
        Follower(server, TOKEN, category=CATEGORY) as follower,
    ):
        for answers in ROUNDS:
            kill_while_writing(server, postgres, ledger, answers)
            wait_ready(server)
            check_on(server, ledger)
            wait_writable(server, ledger)
            retry_open(server, ledger)
        check_on(server, ledger)
        follower.wait_for(len(ledger.writes))
        positions = [position for _stream, _position, position in follower.pokes]
        assert positions == sorted({at for _position, at in ledger.answered.values()})


def kill_while_writing(
    server: Server, postgres: PostgresServer, ledger: Ledger, answers: int
) -> None:
    """Start 2,000 writes on 50 connections; kill the database with so many of them answered.

    It is started again when the first caller has been refused.
    """
    first = len(ledger.writes)
    before = len(ledger.answered)
    killed: list[bool] = []

    def answered(number: int, answer: Answer) -> None:
        if answer.status != 200 and answer.code == UNCERTAIN:
            return
        assert answer.status == 200 or answer.code in REFUSALS, answer
        ledger.note(ledger.writes[first + number], answer)
        if answer.status != 200 and not postgres.running:
            # Until the database is back, nobody can tell what became of the commit that broke.
            assert ready(server) == 503
            postgres.start()
        elif len(ledger.answered) == before + answers and not killed:
            killed.append(True)
            postgres.kill()

    hammer(server, TOKEN, ledger.add(2000), connections=50, answered=answered)
    assert postgres.running
    assert ledger.refused, "it was not in the middle"


def ready(server: Server) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status
    finally:
        connection.close()


def wait_ready(server: Server) -> None:
    """Ask until the server has found its database again, which is what an operator's probe does."""
    deadline = time.monotonic() + LIMIT
    while ready(server) != 200:
        assert time.monotonic() < deadline, "the server does not find its database again"


def wait_writable(server: Server, ledger: Ledger) -> None:
    """Repeat a write that has no answer until it has one, which is what a client does."""
    identifier = ledger.open()[0]
    ledger.refused.pop(identifier, None)
    deadline = time.monotonic() + LIMIT
    with connected(server, TOKEN) as client:
        while (answer := client.call(*ledger.call(identifier))).status != 200:
            assert answer.code in REFUSALS, answer
            assert time.monotonic() < deadline, "the server does not write again"
    ledger.note(identifier, answer)
