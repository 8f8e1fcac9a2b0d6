"""What a program would do with a SQLite file of its own: a message, a commit.

In this process, with the same library, schema, durability and kind of ids as the server's, so that
all that differs is the server.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from bench.bodies import DATA, STREAMS, TYPE
from bench.sample import Sample
from mdb.core.hash64 import cardinal_hash
from mdb.core.ids import new_id
from mdb.stores.sqlite.connect import open_file, open_memory
from mdb.stores.sqlite.migrate import migrate

VERSION = "select max(position) from messages where stream_name = ?"
INSERT = """insert into messages (id, stream_name, type, position, data, metadata, time, hash)
values (?, ?, ?, ?, ?, null, ?, ?) returning global_position"""
PAGE = """select id, type, position, global_position, data, metadata, time from messages
where stream_name = ? and position >= 0 order by position limit 100"""


class Loop:
    """An open database, a file or (None) memory."""

    def __init__(self, file: Path | None) -> None:
        self.db = open_memory() if file is None else open_file(file, create=True)
        migrate(self.db, "namespace", "bench")
        self.number = 0

    def writes(self, seconds: float, category: str = "account") -> Sample:
        """Write for so long, each message in a durable commit of its own."""
        return self._repeat(seconds, lambda: self.write(f"{category}-{self.number % STREAMS}"))

    def write(self, stream: str) -> None:
        """Write one message behind the last of its stream."""
        db = self.db
        data = json.dumps(DATA)
        db.execute("begin immediate")
        last: int | None = db.execute(VERSION, (stream,)).get
        position = 0 if last is None else last + 1
        now = time.time_ns() // 1000
        row = (new_id(), stream, TYPE, position, data, now, cardinal_hash(stream))
        db.execute(INSERT, row).fetchall()
        db.execute("commit")

    def reads(self, seconds: float, category: str) -> Sample:
        """Read the first 100 messages of one stream after the other, made into JSON."""
        return self._repeat(seconds, lambda: self.read(f"{category}-{self.number % STREAMS}"))

    def read(self, stream: str) -> bytes:
        """Return the JSON that the server would answer with."""
        rows: list[Any] = self.db.execute(PAGE, (stream,)).fetchall()
        return json.dumps(
            [
                [message.hex(), kind, position, at, json.loads(data), metadata, stamp]
                for message, kind, position, at, data, metadata, stamp in rows
            ]
        ).encode()

    def _repeat(self, seconds: float, once: Callable[[], object]) -> Sample:
        latencies: list[float] = []
        clock = time.perf_counter
        begun = now = clock()
        while now - begun < seconds:
            once()
            self.number += 1
            latencies.append(-(now - (now := clock())))
        return Sample(len(latencies), now - begun, sorted(latencies))

    def close(self) -> None:
        """Close it."""
        self.db.close()


def opened(file: Path | None) -> Loop:
    """Open one."""
    try:
        return Loop(file)
    except apsw.Error as exc:
        raise SystemExit(f"SQLite: {exc}") from exc
