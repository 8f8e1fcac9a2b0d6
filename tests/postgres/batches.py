"""Calls of the batch functions as tests write them, and a plain model of what they must answer."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.fixtures.postgres import Connection

WRITTEN, REPEATED, VERSION_CONFLICT, ID_CONFLICT = range(4)


@dataclass
class Message:
    stream: str
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    given: bool = True
    type: str = "T"
    data: str = "{}"
    metadata: str | None = None


@dataclass
class Group:
    messages: list[Message]
    expect: list[tuple[str, int]] = field(default_factory=list)


def one(stream: str, *expected: int, **content: Any) -> Group:
    """A group of one message, that may expect its stream's version."""
    return Group([Message(stream, **content)], [(stream, version) for version in expected])


@dataclass
class Answer:
    head: int
    outcomes: list[int]
    positions: list[list[int | None]]
    global_positions: list[list[int | None]]
    places: list[int | None]
    actuals: list[int | None]


async def write(conn: Connection, groups: list[Group]) -> Answer:
    """Call write_messages; one list a group comes back."""
    numbered = [(n, m) for n, group in enumerate(groups, 1) for m in group.messages]
    expecting = [(n, s, v) for n, group in enumerate(groups, 1) for s, v in group.expect]
    row = await conn.fetchrow(
        "select * from message_store.write_messages($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)",
        [n for n, _ in numbered],
        [m.id for _, m in numbered],
        [m.given for _, m in numbered],
        [m.stream for _, m in numbered],
        [m.type for _, m in numbered],
        [m.data for _, m in numbered],
        [m.metadata for _, m in numbered],
        [n for n, _, _ in expecting],
        [s for _, s, _ in expecting],
        [v for _, _, v in expecting],
    )

    def by_group(values: list[int | None]) -> list[list[int | None]]:
        left = iter(values)
        return [[next(left) for _ in group.messages] for group in groups]

    nothing = [None] * len(groups)
    return Answer(
        row["head"],
        row["outcomes"] or [WRITTEN] * len(groups),
        by_group(row["positions"]),
        by_group(row["global_positions"]),
        row["places"] or nothing,
        row["actuals"] or nothing,
    )


class Model:
    """The rules, with dictionaries: what a log holds and what a batch makes of it."""

    def __init__(self) -> None:
        self.versions: dict[str, int] = {}
        self.stored: dict[uuid.UUID, tuple[Message, int, int]] = {}
        self.head = 0

    def write(self, groups: list[Group]) -> Answer:
        answer = Answer(self.head, [], [], [], [], [])
        messages = expectations = 0
        for group in groups:
            outcome, place, actual = self._judge(group, messages, expectations)
            found: list[tuple[int | None, int | None]] = [(None, None)] * len(group.messages)
            if outcome == WRITTEN:
                for message in group.messages:
                    self.head += 1
                    position = self.versions.get(message.stream, -1) + 1
                    self.versions[message.stream] = position
                    self.stored[message.id] = (message, position, self.head)
            if outcome in (WRITTEN, REPEATED):
                found = [self.stored[m.id][1:] for m in group.messages]
            answer.outcomes.append(outcome)
            answer.places.append(place)
            answer.actuals.append(actual)
            answer.positions.append([p for p, _ in found])
            answer.global_positions.append([g for _, g in found])
            messages += len(group.messages)
            expectations += len(group.expect)
        return answer

    def _judge(
        self, group: Group, messages: int, expectations: int
    ) -> tuple[int, int | None, int | None]:
        known = [i for i, m in enumerate(group.messages, 1) if m.id in self.stored]
        different = [
            i
            for i in known
            if not _equal(group.messages[i - 1], self.stored[group.messages[i - 1].id][0])
        ]
        if known and len(known) == len(group.messages) and not different:
            return REPEATED, None, None
        if known:
            return ID_CONFLICT, messages + (different or known)[0], None
        for i, (stream, version) in enumerate(group.expect, 1):
            actual = self.versions.get(stream, -1)
            if actual != version:
                return VERSION_CONFLICT, expectations + i, actual
        return WRITTEN, None, None


def _equal(a: Message, b: Message) -> bool:
    return (a.stream, a.type, _value(a.data), _value(a.metadata)) == (
        b.stream,
        b.type,
        _value(b.data),
        _value(b.metadata),
    )


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)
