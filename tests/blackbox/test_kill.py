"""`kill -9` in the middle of many writes, while the clients' own connections break, too."""

from __future__ import annotations

import signal
import threading

import pytest
from fixtures.server import LIMIT, Server

from blackbox.backends import TOKEN, Backend
from blackbox.client import Client, at_once, connected
from blackbox.ledger import Ledger
from blackbox.unsteady import Living, Unsteady

WRITES = 5_000
CLIENTS = 24

# How many writes are answered in all when a server is killed.
DEATHS = (1, 900, 2_000, 3_100, 4_200)


@pytest.mark.timeout(300)  # six starts; each wait in it has its own bound
def test_5000_writes_stand_once_each_whatever_breaks(lasting: Backend) -> None:
    """Each is repeated with its id until it is answered; five servers are killed meanwhile.

    What was answered is there at the end where it was said, though nobody wrote it again: a server
    that answers before its commit is durable, or forgets, is found out.
    """
    ledger = Ledger()
    living = Living()
    dying = Dying(ledger)
    clients = [Unsteady(living, TOKEN, seed) for seed in range(CLIENTS)]
    left = iter(ledger.add(WRITES))
    turn = threading.Lock()

    def write(client: Unsteady) -> None:
        while True:
            with turn:
                call = next(left, None)
            if call is None:
                return
            answer = client.insist(call)
            assert answer.status == 200, answer
            with turn:
                ledger.note(answer.result["id"], answer)
                dying.count()

    def work(number: int) -> None:
        try:
            write(clients[number])
        finally:
            clients[number].close()

    writing = threading.Thread(target=lambda: at_once(CLIENTS, work), name="writers")
    for death in (*DEATHS, None):
        with lasting.server() as server:
            dying.next(server, death)
            living.rise(server)
            if not writing.is_alive():
                writing.start()
            if death is not None:
                assert server.wait() == -signal.SIGKILL
                continue
            writing.join(4 * LIMIT)
            with connected(server, TOKEN) as client:
                ledger.check(client)
                check_repeats(client, ledger)
    assert sum(client.lost for client in clients) > WRITES / 20


class Dying:
    """Kills the server with so many writes answered in all."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._server: Server | None = None
        self._death: int | None = None

    def next(self, server: Server, death: int | None) -> None:
        self._server, self._death = server, death

    def count(self) -> None:
        """Take in that one more was answered; called by one thread at a time."""
        if self._death is not None and len(self._ledger.answered) >= self._death:
            self._death = None
            assert self._server is not None
            self._server.send(signal.SIGKILL)


def check_repeats(client: Client, ledger: Ledger) -> None:
    """All are there, once; a write that was answered long ago is answered with the same places."""
    assert not ledger.open()
    for identifier in ledger.writes[::500]:
        ledger.note(identifier, client.call(*ledger.call(identifier)))
    assert client.result("ns.info", "default")["messageCount"] == WRITES
