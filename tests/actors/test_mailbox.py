import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import DeadlinePassed, Down, Mailbox, OutcomeUnknown, Overloaded, Unavailable

ALL = 1 << 30


async def test_ask_returns_what_the_consumer_answers(nursery):
    mailbox = Mailbox()

    async def consume():
        for call in await mailbox.batch(10, ALL):
            call.answer(call.question * 2)

    nursery.start_soon(consume)
    assert await mailbox.ask(21) == 42


async def test_ask_raises_what_the_call_failed_with(nursery):
    mailbox = Mailbox()

    async def consume():
        for call in await mailbox.batch(10, ALL):
            call.fail(Unavailable("gone"))

    nursery.start_soon(consume)
    with pytest.raises(Unavailable, match="gone"):
        await mailbox.ask(1)


async def test_a_batch_is_everything_that_waits_in_order():
    mailbox = Mailbox()
    for n in range(5):
        mailbox.put(n)
    assert [call.question for call in await mailbox.batch(10, ALL)] == [0, 1, 2, 3, 4]


async def test_a_batch_ends_at_the_bound_by_count():
    mailbox = Mailbox()
    for n in range(5):
        mailbox.put(n)
    assert [call.question for call in await mailbox.batch(3, ALL)] == [0, 1, 2]
    assert [call.question for call in await mailbox.batch(3, ALL)] == [3, 4]


async def test_a_call_larger_than_a_batch_is_taken_alone_and_in_its_turn():
    mailbox = Mailbox()
    for name, size in (("small", 1), ("large", 100), ("after", 1)):
        mailbox.put(name, size)
    batches = [[call.question for call in await mailbox.batch(10, 10)] for _ in range(3)]
    assert batches == [["small"], ["large"], ["after"]]


async def test_a_full_mailbox_refuses_by_count():
    mailbox = Mailbox(max_count=2)
    mailbox.put("a")
    mailbox.put("b")
    with pytest.raises(Overloaded, match="2 of 2 calls"):
        mailbox.put("c")
    await mailbox.batch(1, ALL)
    mailbox.put("c")
    assert mailbox.statistics().overloaded == 1


async def test_a_full_mailbox_refuses_by_bytes():
    mailbox = Mailbox(max_bytes=100)
    mailbox.put("a", 60)
    with pytest.raises(Overloaded, match="60 of 100 bytes"):
        mailbox.put("b", 60)
    mailbox.put("c", 40)
    await mailbox.batch(1, ALL)
    mailbox.put("b", 60)
    assert mailbox.statistics().queued_bytes == 100


async def test_put_all_enters_side_by_side():
    mailbox = Mailbox()
    mailbox.put("a", 1)
    calls = mailbox.put_all([("b", 2), ("c", 3)])
    assert [call.question for call in await mailbox.batch(10, ALL)] == ["a", "b", "c"]
    assert [call.size for call in calls] == [2, 3]


@pytest.mark.parametrize("bounds", [{"max_count": 2}, {"max_bytes": 25}])
async def test_put_all_enters_nothing_if_not_all_fit(bounds):
    mailbox = Mailbox(**bounds)
    mailbox.put("a", 10)
    with pytest.raises(Overloaded):
        mailbox.put_all([("b", 10), ("c", 10)])
    assert [call.question for call in await mailbox.batch(10, ALL)] == ["a"]


async def test_the_consumer_is_woken_by_a_put(nursery):
    mailbox = Mailbox()
    taken = []

    async def consume():
        taken.extend(await mailbox.batch(10, ALL))

    nursery.start_soon(consume)
    await wait_all_tasks_blocked()
    mailbox.put_all([("a", 0), ("b", 0)])
    await wait_all_tasks_blocked()
    assert [call.question for call in taken] == ["a", "b"]


async def test_a_cancelled_batch_takes_nothing():
    mailbox = Mailbox()
    mailbox.put("a")
    with trio.CancelScope() as scope:
        scope.cancel()
        await mailbox.batch(10, ALL)
    assert scope.cancelled_caught
    assert mailbox.waiting == 1


async def test_two_consumers_at_once_are_refused(nursery):
    mailbox = Mailbox()
    nursery.start_soon(mailbox.batch, 1, ALL)
    await wait_all_tasks_blocked()
    with pytest.raises(trio.BusyResourceError):
        await mailbox.batch(1, ALL)


async def test_a_cancelled_asker_leaves_the_call_to_be_worked_on(nursery):
    mailbox = Mailbox()
    with trio.CancelScope() as scope:
        nursery.start_soon(wait_and_cancel, scope)
        await mailbox.ask("a")
    assert scope.cancelled_caught
    (call,) = await mailbox.batch(10, ALL)
    call.answer("nobody hears it")
    assert mailbox.idle


async def wait_and_cancel(scope):
    await wait_all_tasks_blocked()
    scope.cancel()


async def test_the_first_resolution_wins():
    call = Mailbox().put("a")
    call.answer(1)
    call.answer(2)
    call.fail(Down())
    assert await call.wait() == 1


async def test_close_refuses_further_puts_and_drains():
    mailbox = Mailbox()
    mailbox.put("a")
    mailbox.close()
    with pytest.raises(Down):
        mailbox.put("b")
    with pytest.raises(Down):
        mailbox.put_all([("b", 0)])
    assert [call.question for call in await mailbox.batch(10, ALL)] == ["a"]
    with pytest.raises(trio.EndOfChannel):
        await mailbox.batch(10, ALL)


async def test_close_wakes_a_waiting_consumer():
    mailbox = Mailbox()
    with pytest.RaisesGroup(trio.EndOfChannel):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(mailbox.batch, 10, ALL)
            await wait_all_tasks_blocked()
            mailbox.close()


async def test_close_can_say_why_puts_are_refused():
    mailbox = Mailbox()
    mailbox.close(Unavailable)
    with pytest.raises(Unavailable):
        mailbox.put("a")


async def test_refuse_answers_what_is_queued_and_not_what_is_in_flight():
    mailbox = Mailbox()
    begun, first, second = mailbox.put_all([("a", 1), ("b", 1), ("c", 1)])
    await mailbox.batch(1, ALL)
    assert mailbox.refuse(Unavailable) == 2
    for call in (first, second):
        with pytest.raises(Unavailable):
            await call.wait()
    assert not begun.done
    assert mailbox.statistics().queued_bytes == 0


async def test_put_back_keeps_the_order():
    mailbox = Mailbox()
    for name in "abcd":
        mailbox.put(name, 1)
    a, b, c = await mailbox.batch(3, ALL)
    b.answer(None)
    mailbox.put_back([a, b, c])
    again = await mailbox.batch(10, ALL)
    assert [call.question for call in again] == ["a", "c", "d"]
    assert mailbox.statistics().queued_bytes == 0


async def test_what_was_put_back_counts_as_not_begun(autojump_clock):
    mailbox = Mailbox()
    call = mailbox.put("a", deadline=1.0)
    mailbox.put_back(await mailbox.batch(1, ALL))
    await trio.sleep(2)
    mailbox.expire(trio.current_time(), grace=5)
    with pytest.raises(DeadlinePassed):
        await call.wait()


async def test_a_call_past_its_deadline_is_never_taken(autojump_clock):
    mailbox = Mailbox()
    late = mailbox.put("late", 1, deadline=1.0)
    mailbox.put("in time", 1)
    await trio.sleep(2)
    assert [call.question for call in await mailbox.batch(10, ALL)] == ["in time"]
    with pytest.raises(DeadlinePassed):
        await late.wait()


async def test_expire_frees_the_room_of_queued_calls(autojump_clock):
    mailbox = Mailbox(max_count=2)
    late = mailbox.put("late", 5, deadline=1.0)
    mailbox.put("later", 5, deadline=10.0)
    await trio.sleep(2)
    mailbox.expire(trio.current_time(), grace=5)
    with pytest.raises(DeadlinePassed):
        await late.wait()
    mailbox.put("new", 5)
    assert mailbox.statistics().queued_bytes == 10


async def test_expire_gives_begun_calls_a_grace_then_an_unknown_outcome(autojump_clock):
    mailbox = Mailbox()
    call = mailbox.put("a", deadline=1.0)
    await mailbox.batch(1, ALL)
    await trio.sleep(2)
    mailbox.expire(trio.current_time(), grace=5)
    assert not call.done
    await trio.sleep(5)
    mailbox.expire(trio.current_time(), grace=5)
    with pytest.raises(OutcomeUnknown):
        await call.wait()
    call.answer("late")
    with pytest.raises(OutcomeUnknown):
        await call.wait()


async def test_in_flight_holds_what_was_taken_until_it_is_resolved():
    mailbox = Mailbox()
    mailbox.put_all([("a", 0), ("b", 0)])
    first, second = await mailbox.batch(10, ALL)
    assert mailbox.in_flight == [first, second]
    first.answer(None)
    assert mailbox.in_flight == [second]
    assert not mailbox.idle
    second.answer(None)
    assert mailbox.idle


async def test_statistics_count_what_happened(autojump_clock):
    mailbox = Mailbox(max_count=3, max_bytes=10)
    mailbox.put_all([("a", 1), ("b", 2), ("c", 3)], deadline=1.0)
    await mailbox.batch(1, ALL)
    statistics = mailbox.statistics()
    assert (statistics.queued, statistics.queued_bytes, statistics.in_flight) == (2, 5, 1)
    await trio.sleep(2)
    mailbox.expire(trio.current_time(), grace=0)
    statistics = mailbox.statistics()
    assert (statistics.accepted, statistics.expired, statistics.queued) == (3, 3, 0)


@pytest.mark.parametrize("how", ["answered", "failed", "refused", "expired"])
async def test_who_asks_to_be_told_is_told_once_of_the_end(how):
    mailbox, told = Mailbox(), []
    call = mailbox.put("question", deadline=trio.current_time() + 5, on_done=told.append)
    if how in ("answered", "failed"):
        (taken,) = await mailbox.batch(10, ALL)
        assert told == []
        taken.answer("yes") if how == "answered" else taken.fail(Unavailable("gone"))
        taken.answer("again")
    elif how == "refused":
        mailbox.refuse(Overloaded)
    else:
        mailbox.expire(trio.current_time() + 6, 0)
    assert told == [call]
    if how == "answered":
        assert call.result() == "yes"
    else:
        with pytest.raises((Unavailable, Overloaded, DeadlinePassed)):
            call.result()


async def test_who_fails_when_told_costs_nobody_an_answer(caplog):
    mailbox = Mailbox()

    def fail(_call):
        raise RuntimeError("a bug")

    first, second = mailbox.put(1, on_done=fail), mailbox.put(2)
    for call in await mailbox.batch(10, ALL):
        call.answer(call.question)
    assert (first.result(), second.result()) == (1, 2)
    (record,) = caplog.records
    assert record.name == "actors.call"


async def waiting_for_a_batch(nursery, mailbox):
    """Have a task wait for a batch; what it got, and what cancels it."""
    got, scope = [], trio.CancelScope()

    async def consume():
        with scope:
            got.append(await mailbox.batch(10, ALL))

    nursery.start_soon(consume)
    await wait_all_tasks_blocked()
    return got, scope


async def test_what_is_taken_ahead_is_the_batch_of_the_consumer_that_was_woken(nursery):
    mailbox = Mailbox()
    got, _scope = await waiting_for_a_batch(nursery, mailbox)
    assert mailbox.take_ahead(10, ALL) == []
    for question in "ab":
        mailbox.put(question)
    taken = mailbox.take_ahead(10, ALL)
    assert [call.question for call in taken] == ["a", "b"]
    mailbox.put("c")
    assert mailbox.take_ahead(10, ALL) == []
    assert mailbox.in_flight == taken
    await wait_all_tasks_blocked()
    assert got[0] is taken
    assert [call.question for call in await mailbox.batch(10, ALL)] == ["c"]


async def test_nothing_is_taken_ahead_for_a_consumer_that_does_not_wait():
    mailbox = Mailbox()
    mailbox.put("a")
    assert mailbox.take_ahead(10, ALL) == []
    assert mailbox.waiting == 1


async def test_a_consumer_that_was_woken_gets_its_batch_although_cancelled(nursery):
    mailbox = Mailbox()
    got, scope = await waiting_for_a_batch(nursery, mailbox)
    mailbox.put("a")
    scope.cancel()
    taken = mailbox.take_ahead(10, ALL)
    await wait_all_tasks_blocked()
    assert got == [taken]
    assert not scope.cancelled_caught


async def test_nothing_is_taken_ahead_for_a_consumer_that_was_cancelled(nursery):
    mailbox = Mailbox()
    got, scope = await waiting_for_a_batch(nursery, mailbox)
    scope.cancel()
    mailbox.put("a")
    assert mailbox.take_ahead(10, ALL) == []
    await wait_all_tasks_blocked()
    assert (got, mailbox.waiting) == ([], 1)
    assert scope.cancelled_caught
    # Whoever waits next is woken as ever.
    assert [call.question for call in await mailbox.batch(10, ALL)] == ["a"]
    got, _scope = await waiting_for_a_batch(nursery, mailbox)
    mailbox.put("b")
    assert [call.question for call in mailbox.take_ahead(10, ALL)] == ["b"]
