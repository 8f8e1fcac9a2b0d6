"""What a namespace is, said again in fifty lines without a database, a queue or a lock."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from mdb.core.messages import Append, IdConflict, VersionConflict, Written
from mdb.core.names import category


@dataclass
class Stored:
    """A message; `at` is its global position, known once the store has answered."""

    id: bytes
    stream: str
    type: str
    position: int
    data: object
    metadata: object
    at: int = 0

    def content(self):
        return self.stream, self.type, self.data, self.metadata

    def place(self):
        return self.position, self.at


@dataclass
class Model:
    """The messages in the order of their writing."""

    messages: list[Stored] = field(default_factory=list)

    def version(self, stream):
        return sum(1 for m in self.messages if m.stream == stream) - 1

    def by_id(self, message_id):
        return next((m for m in self.messages if m.id == message_id), None)

    def judge(self, append: Append):
        """What the outcome must be: `Stored` ones written now, or again, or who is in conflict."""
        known = [self.by_id(m.id) for m in append.messages]
        if any(known):
            new = [as_stored(m, 0) for m in append.messages]
            if all(k and k.content() == n.content() for k, n in zip(known, new, strict=True)):
                return "again", known
            return "id", {k.id for k in known if k}
        wrong = {
            (stream, expected, self.version(stream))
            for stream, expected in append.expect
            if self.version(stream) != expected
        }
        if wrong:
            return "version", wrong
        written = []
        for message in append.messages:
            written.append(as_stored(message, self.version(message.stream) + 1))
            self.messages.append(written[-1])
        return "written", written

    def compare(self, verdict, outcome):
        """Hold a verdict against what the store answered."""
        kind, what = verdict
        match kind:
            case "written":
                assert isinstance(outcome, Written), (outcome, verdict)
                assert not outcome.repeated
                assert len(outcome.positions) == len(what)
                for message, (position, at) in zip(what, outcome.positions, strict=True):
                    assert position == message.position
                    message.at = at
            case "again":
                assert isinstance(outcome, Written), (outcome, verdict)
                assert outcome.repeated
                assert outcome.positions == tuple(m.place() for m in what)
            case "id":
                assert isinstance(outcome, IdConflict), (outcome, verdict)
                assert outcome.id in what
            case "version":
                assert isinstance(outcome, VersionConflict), (outcome, verdict)
                assert (outcome.stream, outcome.expected, outcome.actual) in what

    def read(self, query, limit):
        """What a read must give, as `facts` has it."""
        found = [m for m in self.messages if self._matches(m, query)]
        if query.backward:
            found.reverse()
        return [(m.id, m.stream, m.type, *m.place(), m.data, m.metadata) for m in found[:limit]]

    @staticmethod
    def _matches(message, query):
        stream = getattr(query, "stream", None)
        wanted = getattr(query, "category", None)
        at = message.at if stream is None else message.position
        start, below = query.position, query.backward
        if getattr(query, "from_global", None) is not None:
            start, at = query.from_global, message.at
        return (
            (stream is None or message.stream == stream)
            and (wanted is None or category(message.stream) == wanted)
            and (query.type is None or message.type == query.type)
            and (start is None or (at <= start if below else at >= start))
        )


def as_stored(message, position):
    """A message to write, with its JSON read: equal values are equal whatever their text."""
    metadata = None if message.metadata is None else distinct(json.loads(message.metadata))
    data = distinct(json.loads(message.data))
    return Stored(message.id, message.stream, message.type, position, data, metadata)


def distinct(value):
    """The value with its booleans marked: to Python `True` is 1, to JSON it is not."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return [distinct(one) for one in value]
    if isinstance(value, dict):
        return {name: distinct(one) for name, one in value.items()}
    return value


def facts(rows, stream=None):
    """Rows as they came, but for their time: id, stream, type, positions, data, metadata."""
    for row in rows:
        message_id = bytes.fromhex(row[0].replace("-", ""))
        names = row[1:-5] if stream is None else [stream, *row[1:-5]]
        yield message_id, *names, *row[-5:-3], distinct(row[-3]), distinct(row[-2])
