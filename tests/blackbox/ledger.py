"""What was sent and what was answered, and what must then be stored."""

from __future__ import annotations

import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from fixtures.server import Server

from blackbox.backends import TOKEN
from blackbox.client import Answer, Client, connected, hammer

STREAMS = 40
CATEGORY = "ledger"

Place = tuple[int, int]


@dataclass
class Ledger:
    """Writes with ids of the client's own, in the order in which they were given out."""

    writes: list[str] = field(default_factory=list)
    """The ids. A write's number is its place here."""
    answered: dict[str, Place] = field(default_factory=dict)
    """Position and global position that were answered for an id."""
    refused: dict[str, str] = field(default_factory=dict)
    """The code of the error that was answered for an id."""

    def add(self, count: int) -> list[tuple[object, ...]]:
        """Return so many new writes as calls."""
        first = len(self.writes)
        self.writes += [str(uuid.UUID(int=number + 1)) for number in range(first, first + count)]
        return [self.call(identifier) for identifier in self.writes[first:]]

    def call(self, identifier: str) -> tuple[object, ...]:
        number = uuid.UUID(identifier).int - 1
        message = {"type": "Entered", "data": {"number": number}, "metadata": None}
        return ("stream.write", stream_of(number), message, {"id": identifier})

    def note(self, identifier: str, answer: Answer) -> None:
        if answer.status != 200:
            self.refused[identifier] = answer.code
            return
        assert answer.result["id"] == identifier
        place = (answer.result["position"], answer.result["globalPosition"])
        assert self.answered.setdefault(identifier, place) == place, "answered twice, differently"

    def open(self) -> list[str]:
        """Return the ids that have no answer of success."""
        return [identifier for identifier in self.writes if identifier not in self.answered]

    def check(self, client: Client, *, at_least: dict[str, Place] | None = None) -> None:
        """Compare with what is stored: every answered write is there, once, where it was said.

        And: nothing is stored twice, nothing that was never sent, nothing that was refused; each
        stream's positions are 0, 1, 2 ...; global positions rise. `at_least`: those that must be
        there, all that were answered if None.
        """
        must = self.answered if at_least is None else at_least
        stored = client.result("category.get", CATEGORY, {"batchSize": -1})
        assert [m[4] for m in stored] == sorted({m[4] for m in stored})
        places: dict[str, Place] = {}
        positions: dict[str, list[int]] = defaultdict(list)
        for identifier, stream, _type, position, at, data, _metadata, _time in stored:
            assert identifier not in places, "stored twice"
            assert stream == stream_of(data["number"])
            assert uuid.UUID(identifier).int - 1 == data["number"] < len(self.writes)
            places[identifier] = (position, at)
            positions[stream].append(position)
        lost = {i: place for i, place in must.items() if places.get(i) != place}
        assert not lost, f"answered, and not there: {lost}"
        assert not places.keys() & self.refused.keys(), "answered as failed, and there"
        for stream, found in positions.items():
            assert found == list(range(len(found))), f"gap in {stream}"


def stream_of(number: int) -> str:
    return f"{CATEGORY}-{number * 7 % STREAMS}"


def retry_open(server: Server, ledger: Ledger) -> None:
    """Send every write without an answer again, with its id; each must succeed now."""
    identifiers = ledger.open()
    for identifier in identifiers:
        ledger.refused.pop(identifier, None)

    def answered(number: int, answer: Answer) -> None:
        assert answer.status == 200, answer
        ledger.note(identifiers[number], answer)

    hammer(server, TOKEN, map(ledger.call, identifiers), connections=50, answered=answered)
    assert not ledger.open()


def check_on(server: Server, ledger: Ledger, **options: Any) -> None:
    with connected(server, TOKEN) as client:
        ledger.check(client, **options)
