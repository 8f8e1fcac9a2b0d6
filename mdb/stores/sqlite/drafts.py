"""What a batch will insert: positions for the messages of writes that have won, and the rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import chain
from typing import TypeAlias

from mdb.core.hash64 import cardinal_hash
from mdb.core.messages import NewMessage, Written
from mdb.stores.queries import load

_SQL = load("mdb.stores.sqlite")

# Most rows of one INSERT. Each statement lets go of the interpreter's lock and has to get it back
# from a busy event loop, which costs more than many rows: as few statements as can be.
MOST_ROWS = 128
_COLUMNS = _SQL["insert_message"].count("?")
_ROW = f"({', '.join('?' * _COLUMNS)})"

# A statement for each power of two, so that few are prepared; the rows that it has too many of are
# given nothing.
_INSERTS = {1: _SQL["insert_message"]} | {
    count: _SQL["insert_messages"].replace(_ROW, ", ".join([_ROW] * count))
    for count in (2, 4, 8, 16, 32, 64, MOST_ROWS)
}

# What `insert_message` takes, in the order of its columns.
Row: TypeAlias = tuple[int, bytes, str, str, int, str, str | None, int, int | None, str | None]


class Draft:
    """The state of the namespace as a batch will leave it, so far.

    Attributes:
        head: the highest global position, 0 for none.
        versions: of the batch's streams, -1 for one that does not exist.
        rows: those that were not inserted yet.
    """

    __slots__ = ("_now", "head", "rows", "versions")

    def __init__(self, head: int, versions: dict[str, int]) -> None:
        """Begin with what is stored; `versions` holds all streams of the batch, and is changed."""
        self.head = head
        self.versions = versions
        self.rows: list[Row] = []
        self._now = time.time_ns() // 1000

    def take(self, messages: Sequence[NewMessage]) -> Written:
        """Give the messages their positions; they have won."""
        after = head = self.head
        versions, now = self.versions, self._now
        positions = []
        for message in messages:
            stream = message.stream
            position = versions[stream] = versions[stream] + 1
            head += 1
            positions.append((position, head))
            self.rows.append(
                (
                    head,
                    message.id,
                    stream,
                    message.type,
                    position,
                    message.data.decode(),
                    None if message.metadata is None else message.metadata.decode(),
                    now,
                    cardinal_hash(stream),
                    message.correlation,
                )
            )
        self.head = head
        return Written(tuple(positions), after=after)


def insertion(rows: Sequence[Row]) -> tuple[str, list[object]]:
    """Return the statement that inserts rows, 1 to `MOST_ROWS`, and its parameters."""
    room = 1 << (len(rows) - 1).bit_length()
    values: list[object] = list(chain.from_iterable(rows))
    values += [None] * (_COLUMNS * (room - len(rows)))
    return _INSERTS[room], values
