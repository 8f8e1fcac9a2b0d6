"""Batches, transactions and listings as an embedding program has them."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest
import trio
from fixtures.messages import message, one

import mdb
from mdb import Message
from mdb.core.errors import (
    AuthUnauthorized,
    DeadlinePassed,
    InvalidRequest,
    MessageIdConflict,
    Overloaded,
    PayloadTooLarge,
    StreamVersionConflict,
)
from mdb.core.messages import Append, VersionConflict, Written


async def test_a_batch_is_written_side_by_side(ns):
    await ns.write("s-1", "T", 0)
    written = await ns.write_batch(
        "s-1",
        [Message("T", 1), Message("U", msgspec.Raw(b"2.50"), {"m": 1})],
        expected_version=0,
    )
    assert [one.position for one in written] == [1, 2]
    rows = await ns.get("s-1", position=1)
    assert [(row.type, row.data, row.metadata) for row in rows] == [
        ("T", 1, None),
        ("U", 2.5, {"m": 1}),
    ]
    assert [str(row.id) for row in rows] == [one.id for one in written]


async def test_a_transaction_spans_streams_and_checks_others(ns):
    guard = await ns.write("guard-1", "T", 0)
    written = await ns.transact(
        [("a-1", Message("T", 1)), ("b-1", Message("T", 2)), ("a-1", Message("T", 3))],
        check={"a-1": -1, "guard-1": guard.position},
    )
    assert [one.position for one in written] == [0, 0, 1]
    with pytest.raises(StreamVersionConflict) as caught:
        await ns.transact([("b-1", Message("T", 4))], check={"guard-1": 3})
    assert (caught.value.stream, caught.value.expected, caught.value.actual) == ("guard-1", 3, 0)
    assert [m.data for m in await ns.get_all()] == [0, 1, 2, 3]


async def test_with_ids_it_can_be_repeated(ns):
    writes = [("a-1", Message("T", 1, id=str(uuid4()))), ("b-1", Message("T", 2, id=str(uuid4())))]
    first = await ns.transact(writes, check={"a-1": -1})
    assert await ns.transact(writes, check={"a-1": -1}) == first
    with pytest.raises(MessageIdConflict) as caught:
        await ns.transact([*writes, ("c-1", Message("T", 3, id=str(uuid4())))])
    assert caught.value.details["index"] in (0, 1, 2)
    assert len(await ns.get_all()) == 2


async def test_what_cannot_be_written_is_refused_with_its_index(ns):
    good = Message("T", 1)
    same = Message("T", 1, id=str(uuid4()))
    for bad in (Message("", 1), Message("T", "\0"), Message("T", 1, id="x")):
        with pytest.raises(InvalidRequest) as caught:
            await ns.write_batch("s-1", [good, bad])
        assert caught.value.details["index"] == 1
    for writes in ([("s-1", good), ("", good)], [("s-1", same), ("s-2", same)]):
        with pytest.raises(InvalidRequest) as caught:
            await ns.transact(writes)
        assert caught.value.details["index"] == 1
    for count in (0, 1001):
        with pytest.raises(InvalidRequest):
            await ns.write_batch("s-1", [good] * count)
    with pytest.raises(InvalidRequest):
        await ns.write_batch("s-1", [good], expected_version=-2)
    with pytest.raises(InvalidRequest):
        await ns.transact([("s-1", good)], check={"": 0})
    assert await ns.get_all() == []


async def test_what_no_queue_could_hold_is_refused_for_its_size(ns):
    large = Message("T", msgspec.Raw(b'"' + b"x" * 8_000_000 + b'"'))
    with pytest.raises(PayloadTooLarge):
        await ns.write_batch("s-1", [large] * 9)


async def test_one_wrong_version_of_300_streams_hurts_nobody_else_in_the_commit(space):
    """One commit of three: a write, a transaction of a thousand messages, a write."""
    large = Append(
        tuple(message(f"account-{n % 300}") for n in range(1000)),
        tuple((f"account-{n}", 7 if n == 137 else -1) for n in range(300)),
    )
    outcomes = await space.commit([one("other-1"), large, one("other-2"), one("account-137")])
    assert isinstance(outcomes[0], Written)
    assert outcomes[1] == VersionConflict("account-137", 7, -1)
    assert [outcome.positions[0][0] for outcome in outcomes[2:]] == [0, 0]
    assert (await space.stats()).message_count == 3
    right = Append(large.messages, tuple((f"account-{n}", -1) for n in range(300) if n != 137))
    (outcome,) = await space.commit([right])
    assert len(outcome.positions) == 1000
    assert (await space.stats()).stream_count == 302


async def test_writes_put_side_by_side_are_answered_side_by_side(ns):
    stale = one("s-1", expect=9)
    outcomes = await ns.append_all([one("s-1"), stale, one("s-1", expect=0)])
    assert [type(outcome) for outcome in outcomes] == [Written, StreamVersionConflict, Written]
    assert [outcomes[n].positions[0][0] for n in (0, 2)] == [0, 1]
    assert await ns.append_all([]) == []


async def test_writes_put_side_by_side_are_taken_in_together_or_not_at_all(ns):
    await ns.write("s-1", "T", 0)
    ns._actors.get(ns.record.incarnation).mailbox.max_count = 2
    outcomes = await ns.append_all([one("s-1")] * 3)
    assert [type(outcome) for outcome in outcomes] == [Overloaded] * 3
    late = await ns.append_all([one("s-1")] * 2, deadline=trio.current_time() - 1)
    assert [type(outcome) for outcome in late] == [DeadlinePassed] * 2
    assert await ns.version("s-1") == 0


async def test_a_deleted_namespace_takes_none_of_them(db, ns):
    await db.delete_namespace(ns.id)
    outcomes = await ns.append_all([one("s-1")] * 2)
    assert [type(outcome) for outcome in outcomes] == [AuthUnauthorized] * 2


async def test_everything_is_read_in_either_direction(ns):
    for name in "abcd":
        await ns.write(name, "TU"[name in "bd"], name)
    at = [m.global_position for m in await ns.get_all()]

    async def names(**options):
        return "".join(m.stream for m in await ns.get_all(**options))

    assert await names() == "abcd"
    assert await names(position=at[2]) == "cd"
    assert await names(backward=True, position=at[2], batch_size=2) == "cb"
    assert await names(type="U", batch_size=1) == "b"


async def test_streams_and_categories_are_listed(ns):
    before = datetime.now(UTC)
    for name in ("a-1", "a-2", "a_1", "b-1", "a-1"):
        await ns.write(name, "T", 1)
    listed = await ns.streams("a-")
    assert [(s.stream, s.version) for s in listed] == [("a-1", 1), ("a-2", 0)]
    assert all(abs(s.last_activity - before) < timedelta(minutes=10) for s in listed)
    assert [s.stream for s in await ns.streams(after="a-2", limit=1)] == ["a_1"]
    assert [(c.category, c.stream_count, c.message_count) for c in await ns.categories()] == [
        ("a", 2, 3),
        ("a_1", 1, 1),
        ("b", 1, 1),
    ]
    for wrong in ({"limit": 0}, {"limit": 1001}, {"prefix": "\0"}):
        with pytest.raises(InvalidRequest):
            await ns.streams(**wrong)


async def test_a_replaced_token_ends_the_subscriptions(db, ns):
    old = await db.rotate_token(ns.id)
    async with ns.subscribe(all=True) as pokes:
        new = await db.rotate_token(ns.id)
        with pytest.raises(mdb.Ended) as caught:
            await anext(pokes)
    assert caught.value.reason == "gone"
    assert await db.authenticate(new) is ns
    with pytest.raises(AuthUnauthorized):
        await db.authenticate(old)
    async with ns.subscribe(all=True) as pokes:
        await ns.write("s-1", "T", 1)
        assert (await anext(pokes)).stream == "s-1"
