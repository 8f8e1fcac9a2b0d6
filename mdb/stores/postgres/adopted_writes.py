"""The write side of an adopted schema: a batch, less what others keep locked.

Whoever writes to a Message DB holds the locks of the categories that it writes. A batch takes them,
too, but never waits for one while it holds another; what is busy stays in the queue (`DEFERRED`).
See `write_free` and `lock_categories` in the migrations.
"""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from actors import DEFERRED, Deferred
from mdb.core.messages import Append, Outcome
from mdb.stores.postgres.session import Session
from mdb.stores.postgres.sql import NamespaceQueries
from mdb.stores.postgres.writes import (
    TRIES,
    Attempt,
    carry_out,
    is_single,
    many,
    one,
    outcome_of_one,
    outcomes_of_many,
)

# How often a write is left out before its locks are waited for. A category that others write
# without a pause is hardly ever free at first try, though each of them keeps it for moments only.
PATIENCE = 5


class Deferrals:
    """How often each of the writes that wait was left out. State alone, no I/O."""

    def __init__(self) -> None:
        """Nothing waits."""
        self._counts: dict[bytes, int] = {}

    def patient(self, batch: Sequence[Append]) -> int | None:
        """Return which write of a batch has been left out too often, the first one if any."""
        if not self._counts:
            return None
        for place, append in enumerate(batch):
            if self._counts.get(append.messages[0].id, 0) >= PATIENCE:
                return place
        return None

    def note(self, batch: Sequence[Append], outcomes: Sequence[Outcome | Deferred]) -> None:
        """Count what was left out now. The queue's head is what comes next: all others are gone."""
        self._counts = {
            append.messages[0].id: self._counts.get(append.messages[0].id, 0) + 1
            for append, outcome in zip(batch, outcomes, strict=True)
            if isinstance(outcome, Deferred)
        }


async def commit(
    session: Session,
    queries: NamespaceQueries,
    batch: Sequence[Append],
    attempt: Attempt,
    deferrals: Deferrals,
) -> list[Outcome | Deferred]:
    """Decide and write what can be written of a batch in one transaction; durable on return."""
    patient = deferrals.patient(batch)
    found = await _tried(session, queries, batch, attempt, patient)
    if found is None and patient is not None:
        # Its locks were not to be had even so; the others shall not wait for that.
        found = await _tried(session, queries, batch, attempt, None)
    outcomes = found if found is not None else _left_out(batch)
    deferrals.note(batch, outcomes)
    return outcomes


def _left_out(batch: Sequence[Append]) -> list[Outcome | Deferred]:
    return [DEFERRED] * len(batch)


async def _tried(
    session: Session,
    queries: NamespaceQueries,
    batch: Sequence[Append],
    attempt: Attempt,
    patient: int | None,
) -> list[Outcome | Deferred] | None:
    """Write; None where no lock was to be had in time, and nothing was written."""
    for tried in range(1, TRIES + 1):
        look_up = tried > 1
        try:
            return await _written(session, queries, batch, attempt, patient, look_up=look_up)
        except asyncpg.LockNotAvailableError:
            attempt.sent = False
            return None
        except asyncpg.UniqueViolationError:
            attempt.sent = False
            if tried == TRIES:
                raise
    raise AssertionError("unreachable")


async def _written(
    session: Session,
    queries: NamespaceQueries,
    batch: Sequence[Append],
    attempt: Attempt,
    patient: int | None,
    *,
    look_up: bool,
) -> list[Outcome | Deferred]:
    single = len(batch) == 1 and is_single(batch[0])
    if single:
        query, arguments = queries["write_one_locked"], one(batch[0], look_up)
    else:
        number = None if patient is None else patient + 1
        query, arguments = queries["write_free"], (*many(batch, look_up), number)
    row = await carry_out(session, query, arguments, attempt)
    if single:
        return [outcome_of_one(batch[0], row)]
    busy = {number - 1 for number in row["busy"] or ()}
    if len(busy) == len(batch):
        return _left_out(batch)
    kept = [append for place, append in enumerate(batch) if place not in busy]
    written = iter(outcomes_of_many(kept, row))
    return [DEFERRED if place in busy else next(written) for place in range(len(batch))]
