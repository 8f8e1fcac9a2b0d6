"""The write side: one batch, one statement, one transaction; an outcome for each of its writes.

Asyncio functions that run whole on one session. Deciding is done in the database, under the
namespace's lock (see `write_one` and `write_messages` in the migrations).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import msgspec
from asyncpg.pgproto.pgproto import UUID  # made in a tenth of the standard one's time
from asyncpg.protocol import NO_TIMEOUT

from mdb.core.messages import (
    Append,
    Closed,
    IdConflict,
    NewMessage,
    Outcome,
    VersionConflict,
    Written,
)
from mdb.stores.postgres.connect import LOCK_TIMEOUT
from mdb.stores.postgres.faults import Lost, one_line
from mdb.stores.postgres.proposals import Proposals
from mdb.stores.postgres.session import Row, Session, SessionId, Value
from mdb.stores.postgres.sql import NamespaceQueries, registry_query

# Tries of a batch that meets a unique index. What it meets was put there past the namespace's lock,
# or by an earlier try of its own whose outcome was open; a second look sees it.
TRIES = 3

# Milliseconds to wait for the end of a session whose commit broke off.
END_LIMIT = 5000

# What `import_close` has the table say to whoever writes.
IS_CLOSED = "MDB01"

_WRITTEN, _REPEATED, _WRONG_VERSION, _WRONG_ID = range(4)


class Attempt(msgspec.Struct):
    """What is known of a commit that may break off.

    `sent`: it was given to the server and may have been carried out, by the session `by`.
    """

    sent: bool = False
    by: SessionId | None = None


async def commit(
    session: Session,
    queries: NamespaceQueries,
    batch: Sequence[Append],
    attempt: Attempt,
    proposals: Proposals,
) -> list[Outcome]:
    """Decide and write a batch in one transaction; durable when it returns."""
    try:
        written = await _propose(session, queries, batch, attempt, proposals)
        if written is not None:
            return written
        outcomes = await _decide(session, queries, batch, attempt)
    except asyncpg.PostgresError as exc:
        if exc.sqlstate != IS_CLOSED:
            raise
        return [Closed() for _ in batch]
    proposals.decided(batch, outcomes)
    return outcomes


async def _propose(
    session: Session,
    queries: NamespaceQueries,
    batch: Sequence[Append],
    attempt: Attempt,
    proposals: Proposals,
) -> list[Outcome] | None:
    """Write a batch at positions that are known to come next; None: nothing was written."""
    proposal = proposals.propose(batch)
    if proposal is None:
        return None
    try:
        row = await carry_out(session, queries["write_at"], proposal.arguments(), attempt)
    except asyncpg.UniqueViolationError:
        pass  # what it met is looked up
    else:
        if row["global_positions"] is not None:
            return proposals.stood(proposal, row["global_positions"])
    attempt.sent = False
    proposals.refused()
    return None


async def _decide(
    session: Session, queries: NamespaceQueries, batch: Sequence[Append], attempt: Attempt
) -> list[Outcome]:
    """Have the database decide a batch, and write what wins."""
    for tried in range(1, TRIES + 1):
        look_up = tried > 1
        try:
            name, arguments = function_of(batch, look_up=look_up)
            row = await carry_out(session, queries[name], arguments, attempt)
        except asyncpg.UniqueViolationError:
            attempt.sent = False
            if tried == TRIES:
                raise
        else:
            return outcomes_of(batch, row)
    raise AssertionError("unreachable")


async def carry_out(
    session: Session, query: str, arguments: Sequence[Any], attempt: Attempt
) -> Row:
    """Run the one statement that writes, in a transaction of its own, durable when it returns."""
    if session.pooled:
        async with session.raw.transaction():
            await session.row(registry_query("write_settings"), LOCK_TIMEOUT)
            row = await session.row(query, *arguments)
            if _repeats(row):
                await await_standbys(session.value)
            attempt.sent = True
        return row
    statement = await session.statement(query)
    # Until here nothing was executed. A statement alone is a transaction: from here on, whatever
    # breaks leaves its outcome open.
    attempt.by = session.id
    attempt.sent = not session.is_closed
    row = await statement.fetchrow(*arguments, timeout=NO_TIMEOUT)
    if _repeats(row):
        try:
            await await_standbys(session.value)
        except asyncpg.PostgresError as exc:
            # Not an error of the batch, which was committed: its outcome is looked for.
            raise Lost(f"what stood already could not be confirmed: {one_line(exc)}") from exc
    return row


def _repeats(row: Row) -> bool:
    """Tell whether a query that writes found something written before."""
    return row.get("outcome") == _REPEATED or _REPEATED in (row.get("outcomes") or ())


async def await_standbys(value: Callable[[str], Awaitable[Value]]) -> None:
    """Wait, where commits wait for standbys, until those have what the transaction has found.

    At the transaction's end. `value`: runs a query, and returns its only value.
    """
    if await value(registry_query("standbys_named")):
        await value(registry_query("await_standbys"))


def function_of(batch: Sequence[Append], *, look_up: bool) -> tuple[str, tuple[Any, ...]]:
    """Return the query that writes a batch in one statement, by its name, and its arguments.

    `look_up`: also for the ids that this server made.
    """
    if _is_one(batch):
        return "write_one", one(batch[0], look_up)
    return "write_messages", many(batch, look_up)


def outcomes_of(batch: Sequence[Append], row: Row) -> list[Outcome]:
    """Return an outcome for each write of a batch: what the row of its query says."""
    if _is_one(batch):
        return [outcome_of_one(batch[0], row)]
    return outcomes_of_many(batch, row)


def _is_one(batch: Sequence[Append]) -> bool:
    return len(batch) == 1 and is_single(batch[0])


def is_single(append: Append) -> bool:
    """Tell whether `write_one` is enough for a write."""
    if len(append.messages) != 1 or len(append.expect) > 1:
        return False
    return not append.expect or append.expect[0][0] == append.messages[0].stream


def one(append: Append, look_up: bool) -> tuple[Any, ...]:
    """Return the arguments of `write_one`. `look_up`: its id, too, may be stored."""
    message = append.messages[0]
    return (
        UUID(message.id),
        message.own_id or look_up,
        message.stream,
        message.type,
        message.data,
        message.metadata,
        append.expect[0][1] if append.expect else None,
    )


def many(batch: Sequence[Append], look_up: bool) -> tuple[Any, ...]:
    """Return the arguments of `write_messages`. `look_up`: every id may be stored."""
    numbered = [(n, m) for n, append in enumerate(batch, 1) for m in append.messages]
    expected = [(n, s, v) for n, append in enumerate(batch, 1) for s, v in append.expect]
    return (
        [n for n, _ in numbered],
        [UUID(m.id) for _, m in numbered],
        [m.own_id or look_up for _, m in numbered],
        [m.stream for _, m in numbered],
        [m.type for _, m in numbered],
        [m.data for _, m in numbered],
        [m.metadata for _, m in numbered],
        [n for n, _, _ in expected],
        [s for _, s, _ in expected],
        [v for _, _, v in expected],
    )


def outcome_of_one(append: Append, row: Row) -> Outcome:
    """Say what the row of `write_one` means."""
    message = append.messages[0]
    match row["outcome"]:
        case 0:
            return Written(((row["position"], row["global_position"]),), after=row["head"])
        case 1:
            return _repeated(append, ((row["position"], row["global_position"]),))
        case 2:
            stream, expected = append.expect[0]
            return VersionConflict(stream, expected, row["actual"])
        case _:
            return IdConflict(message.id)


def _repeated(append: Append, positions: tuple[tuple[int, int], ...]) -> Written:
    # An id that this server made can be known only from an earlier try of this very write, whose
    # outcome was not seen: it is news to subscribers.
    return Written(positions, repeated=any(m.own_id for m in append.messages))


def outcomes_of_many(batch: Sequence[Append], row: Row) -> list[Outcome]:
    """Say what the row of `write_messages` means."""
    everything = list(zip(row["positions"], row["global_positions"], strict=True))
    judged = row["outcomes"]
    head: int = row["head"]
    outcomes: list[Outcome] = []
    first_message, first_expected = 0, 0
    for number, append in enumerate(batch):
        count = len(append.messages)
        positions = tuple(everything[first_message : first_message + count])
        match _WRITTEN if judged is None else judged[number]:
            case 0:
                outcomes.append(Written(positions, after=head))
                head = positions[-1][1]
            case 1:
                outcomes.append(_repeated(append, positions))
            case 2:
                place = row["places"][number] - 1 - first_expected
                stream, expected = append.expect[place]
                outcomes.append(VersionConflict(stream, expected, row["actuals"][number]))
            case _:
                place = row["places"][number] - 1 - first_message
                outcomes.append(IdConflict(append.messages[place].id))
        first_message += count
        first_expected += len(append.expect)
    return outcomes


async def settle(
    session: Session, queries: NamespaceQueries, batch: Sequence[Append], attempt: Attempt
) -> list[Outcome | None]:
    """Tell what stands of a batch whose commit broke off: its messages are found by their ids.

    First the session that was at it is ended, if it is still there: a statement that still lies
    unread in the server's socket would be carried out after the look. Then the namespace's lock is
    waited for (in an adopted schema those of the batch's categories, one by one), and only then
    looked. What stands is waited for as a commit is: where Postgres has commits wait for standbys,
    ending the old session made visible what they may not have. Raises `TimeoutError` where the old
    session does not end.
    """
    old = attempt.by
    if old is not None:
        ended = await session.value(registry_query("end_session"), old.pid, old.started, END_LIMIT)
        if not ended:
            raise TimeoutError(f"session {old.pid}, whose commit broke off, does not end")
    messages = [m for append in batch for m in append.messages]
    if queries.adopted:
        await session.row(queries["settle_await"], [m.stream for m in messages])
    async with session.raw.transaction():
        await session.row(queries["settle_begin"])
        rows = await session.fetch(
            queries["stored_messages"],
            [UUID(m.id) for m in messages],
            [m.stream for m in messages],
            [m.type for m in messages],
            [m.data for m in messages],
            [m.metadata for m in messages],
        )
        if rows:
            await await_standbys(session.value)
    stored = {row["place"] - 1: row for row in rows}
    found: list[Outcome | None] = []
    first = 0
    for append in batch:
        found.append(_settled(append.messages, first, stored))
        first += len(append.messages)
    return found


def _settled(
    messages: Sequence[NewMessage], first: int, stored: dict[int, Row]
) -> Written | IdConflict | None:
    rows = [stored.get(first + n) for n in range(len(messages))]
    if not any(rows):
        return None
    positions = []
    for message, row in zip(messages, rows, strict=True):
        if row is None or not row["same"]:
            taken = next(m for m, r in zip(messages, rows, strict=True) if r is not None)
            return IdConflict(message.id if row is not None else taken.id)
        positions.append((row["position"], row["global_position"]))
    # What stands was written by this very batch: it is news to subscribers.
    return Written(tuple(positions))
