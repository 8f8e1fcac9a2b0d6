"""The same calls on a genuine Message DB and a namespace's schema, and what each says to them."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg


@dataclass(frozen=True, slots=True)
class Call:
    """A statement with its arguments."""

    sql: str
    args: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a call: rows or an error, and notices. Times are only said to be times."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    error: tuple[Any, ...] | None
    notices: tuple[tuple[str, str], ...]


def _plain(value: Any) -> Any:
    return "TIME" if isinstance(value, datetime.datetime) else value


def _error(exc: asyncpg.PostgresError) -> tuple[Any, ...]:
    detail = exc.detail
    if detail and exc.sqlstate == "23502":
        # A row that is refused is shown with the time at which it was written.
        detail = ", ".join(
            "TIME" if part[:2] == "20" and part.count(":") == 2 else part
            for part in detail.split(", ")
        )
    return (
        exc.sqlstate,
        exc.severity,
        exc.message,
        detail,
        exc.hint,
        exc.schema_name,
        exc.table_name,
        exc.column_name,
        exc.constraint_name,
        exc.data_type_name,
    )


class Side:
    """One of the two: a session with ``search_path`` as Message DB's clients set it."""

    def __init__(self, conn: Any) -> None:
        self._conn = conn
        self._notices: list[tuple[str, str]] = []
        conn.add_log_listener(lambda _, m: self._notices.append((m.severity, m.message)))

    async def say(self, call: Call) -> Said:
        self._notices.clear()
        error, records = None, []
        try:
            records = await self._conn.fetch(call.sql, *call.args)
        except asyncpg.PostgresError as exc:
            error = _error(exc)
        await asyncio.sleep(0)  # notices are handed on by the loop
        return Said(
            tuple(records[0].keys()) if records else (),
            tuple(tuple(map(_plain, row.values())) for row in records),
            error,
            tuple(self._notices),
        )


def compare(
    genuine_url: str, our_url: str, calls: Sequence[Call], forgive: Callable[[Said], Said]
) -> list[Said]:
    """Make each call on both sides, one after the other; return what was said to each.

    ``forgive``: makes what ours says what the genuine one would have said, where they differ on
    purpose. Raises ``AssertionError`` at the first call after which they disagree.
    """

    async def run() -> list[Said]:
        settings = {"search_path": "message_store"}
        sides = []
        connections = [
            await asyncpg.connect(url, timeout=10, server_settings=settings)
            for url in (genuine_url, our_url)
        ]
        try:
            sides = [Side(conn) for conn in connections]
            found = []
            for number, call in enumerate(calls):
                genuine, ours = [await side.say(call) for side in sides]
                assert forgive(ours) == genuine, f"call {number}: {call}\n{ours}\n{genuine}"
                found.append(genuine)
            return found
        finally:
            for conn in connections:
                conn.terminate()

    # A plain loop: the default one is trio's guest.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(run())
