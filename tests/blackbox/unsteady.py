"""A client that loses its connection again and again, and retries until it is answered."""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections.abc import Callable, Sequence

from fixtures.server import LIMIT, Server

from blackbox.client import BROKEN, Answer, exact

# One request in so many is cut off: while it is sent, before its answer, or in the middle of that.
ONE_IN = 6


class Living:
    """The server that lives at the moment. Threads wait here for the next one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._server: Server | None = None
        self._number = 0

    def rise(self, server: Server) -> None:
        with self._changed:
            self._server = server
            self._number += 1
            self._changed.notify_all()

    def another(self, than: int) -> tuple[int, Server]:
        """The living server and its number; waits for one of a higher number."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._number > than, LIMIT), "no server came"
            assert self._server is not None
            return self._number, self._server


class Unsteady:
    """One connection to whichever server lives, in one thread. ``lost`` counts what was cut off."""

    def __init__(self, living: Living, token: str, seed: int) -> None:
        self.lost = 0
        self._living = living
        self._headers = {"Authorization": f"Bearer {token}", "Host": "x"}
        self._random = random.Random(seed)
        self._number, self._http = 0, http.client.HTTPConnection("127.0.0.1", 0)

    def insist(self, call: Sequence[object]) -> Answer:
        """Make a call until it is answered, each time on a connection that may break."""
        while True:
            try:
                answer = self._attempt(json.dumps(call).encode())
            except ConnectionRefusedError:
                # Nobody listens: that server is dead.
                self._turn_to(*self._living.another(self._number))
            except BROKEN:
                self._http.close()
            else:
                if answer is not None:
                    return answer
                self.lost += 1

    def close(self) -> None:
        self._http.close()

    def _turn_to(self, number: int, server: Server) -> None:
        self._http.close()
        self._number = number
        self._http = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT)

    def _attempt(self, body: bytes) -> Answer | None:
        """Send a request; None where the connection was lost on the way."""
        if self._number == 0:
            self._turn_to(*self._living.another(0))
        losing = self._random.choice(MOMENTS) if self._random.randrange(ONE_IN) == 0 else None
        if losing is not None:
            losing(self, body)
            self._http.close()
            return None
        self._http.request("POST", "/rpc", body, self._headers)
        response = self._http.getresponse()
        return Answer(response.status, exact(response.read()), None)

    def _while_sending(self, body: bytes) -> None:
        self._http.putrequest("POST", "/rpc", skip_host=True)
        for name, value in self._headers.items():
            self._http.putheader(name, value)
        self._http.putheader("Content-Length", str(len(body)))
        self._http.endheaders(body[: self._random.randrange(len(body))])

    def _before_the_answer(self, body: bytes) -> None:
        self._http.request("POST", "/rpc", body, self._headers)

    def _in_the_answer(self, body: bytes) -> None:
        self._http.request("POST", "/rpc", body, self._headers)
        assert self._http.sock is not None
        self._http.sock.recv(20)


MOMENTS: tuple[Callable[[Unsteady, bytes], None], ...] = (
    Unsteady._while_sending,
    Unsteady._before_the_answer,
    Unsteady._in_the_answer,
)
