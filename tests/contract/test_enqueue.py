"""Writes by those who have no task that could wait: told of the outcome instead."""

import math

import pytest
import trio

from mdb.core.errors import AuthUnauthorized, PayloadTooLarge, StreamVersionConflict
from mdb.core.messages import Written
from mdb.message import Message
from mdb.writing import append_one


class Told:
    def __init__(self):
        self.outcomes = []
        self.event = trio.Event()

    def __call__(self, outcome):
        self.outcomes.append(outcome)
        self.event.set()

    async def once(self):
        with trio.fail_after(30):
            await self.event.wait()
        (outcome,) = self.outcomes
        return outcome


def append(version=None, data=1):
    return append_one("s-1", Message("T", data), version)


async def test_nothing_is_done_before_the_namespaces_actor_runs(ns):
    told = Told()
    assert not ns.enqueue(append(), math.inf, told)
    assert await ns.get("s-1") == []
    assert not told.outcomes


async def test_it_is_told_what_was_written_and_what_was_not(ns):
    await ns.append(append())
    told, refused = Told(), Told()
    assert ns.enqueue(append(0), math.inf, told)
    assert ns.enqueue(append(0), math.inf, refused)
    written = await told.once()
    assert isinstance(written, Written)
    assert [position for position, _ in written.positions] == [1]
    conflict = await refused.once()
    assert isinstance(conflict, StreamVersionConflict)
    assert (conflict.expected, conflict.actual) == (0, 1)
    assert len(await ns.get("s-1")) == 2


async def test_what_can_never_be_taken_is_refused_at_once(ns, db):
    await ns.append(append())
    with pytest.raises(PayloadTooLarge):
        ns.enqueue(append(data="x" * (65 << 20)), math.inf, Told())
    await db.delete_namespace(ns.id)
    with pytest.raises(AuthUnauthorized):
        ns.enqueue(append(), math.inf, Told())
