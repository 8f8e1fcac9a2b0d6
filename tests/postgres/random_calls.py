"""Random calls of everything that Message DB offers, with every argument that could matter."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from tests.postgres.side_by_side import Call

# Those in front are likely: most calls should meet messages.
STREAMS: Sequence[str | None] = (
    *("account-1", "account-2", "account-1+a", "order-1", "order-2+b+c") * 8,
    *("account", "account-", "-", "-1", "", "a-b-c", "Account-1", "ä-😀", "account:command-1"),
    *("o'brien-1", "a%s-1", "a_-1", " account-1", "account-1\n", "+", "a+b-c", "x-" + "y" * 600),
    None,
)
CATEGORIES: Sequence[str | None] = (
    *("account", "order") * 6,
    *("Account", "", "ä", "account:command", "a", "nobody", "account-1", "-", "o'brien", None),
)
TYPES = (*("Opened", "Closed") * 5, "", "ä", "o'clock", "T" * 300, None)
DATAS = (
    *('{"a": 1}', '{"b": {"c": [1, 2]}, "a": "x"}') * 4,
    *("null", "true", '"text"', "[]", "{}", "1.50", "1e400", '{"k": 1, "k": 2}', "{", "", None),
)
METADATAS = (
    *(None, '{"correlationStreamName": "order-1"}', '{"correlationStreamName": "account-2"}') * 4,
    *('{"correlationStreamName": "order"}', '{"correlationStreamName": 5}', "{}", "[]", "null"),
    *('"x"', '{"correlationStreamName": null}', '{"correlationStreamName": ""}'),
)
VERSIONS = (*(None,) * 8, -1, 0, 1, 2, 5, -2, 2**63 - 1, -(2**63))
POSITIONS = (*(None, 0, 1, 2) * 2, 5, 50, 300, -1, -(2**63), 2**63 - 1)
LIMITS = (*(None, 1, 2, 10, 1000, -1) * 2, 0, -2, -1000, 2**31, 2**63 - 1)
CORRELATIONS = (*(None,) * 4, "order", "account", "", "nobody", "order-1", "-")
MEMBERS = (*(None,) * 4, 0, 1, 2, 0, 1, 3, -1, 32766, 32767, 2**40)
SIZES = (*(None,) * 4, 1, 2, 3, 2, 3, 0, -1, 32767, 32768, 2**40)
CONDITIONS = (
    *(None,) * 6,
    *("type = 'Opened'", "position % 2 = 0", "data->>'a' is not null", "messages.position > 0"),
    *("category(stream_name) = 'account' or true", "1 = 1) or (1 = 0", "global_position < 100"),
    *("", "nonsense", "nope = 1", "%s", "1 / 0 = 1", "'x'", "$2 > 0", "metadata is null"),
)
IDS = ("nonsense", "", "{0d7c7025-897a-fed6-850d-ae09aa8fb25d}", "0d7c7025897afed6850dae09aa8fb25d")
SETTINGS = ("sql_condition", "debug_get", "debug_write", "debug")
VIEWS = (
    *("stream_summary", "type_summary", "stream_type_summary", "type_stream_summary"),
    *("category_type_summary", "type_category_summary"),
)
NAME_FUNCTIONS = ("category", "id", "cardinal_id", "is_category", "hash_64", "acquire_lock")

# What a function takes: name, type, where its values come from. Those behind the bar can be left
# out, which is what NEEDED counts.
_Parameter = tuple[str, str, Sequence[Any]]

STREAM: _Parameter = ("stream_name", "varchar", STREAMS)
READS: dict[str, tuple[int, list[_Parameter]]] = {
    "get_stream_messages": (
        1,
        [
            STREAM,
            ('"position"', "bigint", POSITIONS),
            ("batch_size", "bigint", LIMITS),
            ("condition", "varchar", CONDITIONS),
        ],
    ),
    "get_category_messages": (
        1,
        [
            ("category", "varchar", CATEGORIES),
            ('"position"', "bigint", POSITIONS),
            ("batch_size", "bigint", LIMITS),
            ("correlation", "varchar", CORRELATIONS),
            ("consumer_group_member", "bigint", MEMBERS),
            ("consumer_group_size", "bigint", SIZES),
            ("condition", "varchar", CONDITIONS),
        ],
    ),
    "get_last_stream_message": (1, [STREAM, ("type", "varchar", TYPES)]),
}


class Chooser:
    """Chooses calls; the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._written: list[str] = []
        self._kinds: list[tuple[Callable[[], Call], int]] = [
            (self._write, 40),
            (self._read, 40),
            (self._version, 4),
            (self._name, 6),
            (self._setting, 6),
            (self._view, 2),
            (self._table, 1),
            (self._insert, 1),
        ]

    def calls(self, number: int) -> list[Call]:
        kinds, weights = zip(*self._kinds, strict=True)
        return [kind() for kind in self._random.choices(kinds, weights, k=number)]

    def _some(self, name: str, needed: int, parameters: Sequence[_Parameter]) -> str:
        """Call a function by position, then by name; what it does not need may be missing."""
        given, named = [], False
        for number, (parameter, _type, values) in enumerate(parameters):
            if number >= needed and self._random.random() < 0.4:
                named = True
                continue
            self._args.append(self._random.choice(values))
            value = f"${len(self._args)}::{_type}"
            named = named or (number >= needed and self._random.random() < 0.2)
            given.append(f"{parameter} => {value}" if named else value)
        return f"{name}({', '.join(given)})"

    def _begin(self) -> None:
        self._args: list[Any] = []

    def _write(self) -> Call:
        self._begin()
        message_id = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        chance = self._random.random()
        if chance < 0.05 and self._written:
            message_id = self._random.choice(self._written)
        elif chance < 0.1:
            message_id = message_id.upper()
        wanted: str | None = message_id
        if chance > 0.96:
            wanted = self._random.choice([*IDS, None])
        self._written.append(message_id)
        parameters: list[_Parameter] = [
            ("id", "varchar", [wanted]),
            STREAM,
            ('"type"', "varchar", TYPES),
            ("data", "text::jsonb", DATAS),
            ("metadata", "text::jsonb", METADATAS),
            ("expected_version", "bigint", VERSIONS),
        ]
        return Call(f"select {self._some('write_message', 4, parameters)}", tuple(self._args))

    def _read(self) -> Call:
        self._begin()
        name = self._random.choice(list(READS))
        call = self._some(name, *READS[name])
        return Call(f"select * from {call}", tuple(self._args))

    def _version(self) -> Call:
        self._begin()
        return Call(f"select {self._some('stream_version', 1, [STREAM])}", tuple(self._args))

    def _name(self) -> Call:
        name = self._random.choice(NAME_FUNCTIONS)
        return Call(f"select {name}($1::varchar)", (self._random.choice(STREAMS),))

    def _setting(self) -> Call:
        name = f"message_store.{self._random.choice(SETTINGS)}"
        if self._random.random() < 0.15:
            return Call(f"reset {name}")
        value = self._random.choice(["on", "off", "on", "off", "", "yes"])
        return Call("select set_config($1, $2, false)", (name, value))

    def _view(self) -> Call:
        return Call(f"select * from {self._random.choice(VIEWS)}")

    def _table(self) -> Call:
        return Call("select * from messages order by global_position desc limit 50")

    def _insert(self) -> Call:
        """By hand, with the table's defaults: what Message DB's users do to repair something."""
        return Call(
            "insert into messages (id, stream_name, type, position) values ($1, $2, 'T', $3) "
            "returning global_position, data, metadata, time",
            (
                uuid.UUID(int=self._random.getrandbits(128), version=4),
                self._random.choice(STREAMS),
                self._random.choice([1000, 2000, None]),
            ),
        )
