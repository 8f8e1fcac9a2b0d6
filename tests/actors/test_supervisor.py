import pytest
import trio

from actors import RestartLimit, supervise


class Flaky:
    """A child that crashes at the times given, then returns."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.starts = []

    async def __call__(self, *, task_status):
        self.starts.append(trio.current_time())
        task_status.started(len(self.starts))
        await trio.lowlevel.checkpoint()
        if self.errors:
            raise self.errors.pop(0)


def half():
    return 0.5


async def test_returns_when_the_child_returns():
    child = Flaky()
    await supervise(child)
    assert len(child.starts) == 1


async def test_restarts_with_exponential_capped_backoff(autojump_clock):
    child = Flaky(*[ValueError()] * 5)
    await supervise(child, backoff=1, backoff_cap=5, jitter=0, rng=half)
    assert child.starts == [0, 1, 3, 7, 12, 17]


async def test_jitter_shortens_the_pause(autojump_clock):
    child = Flaky(ValueError())
    await supervise(child, backoff=1, jitter=0.5, rng=half)
    assert child.starts == [0, 0.75]


async def test_more_crashes_than_tolerated_raise_from_the_last(autojump_clock):
    child = Flaky(*[ValueError(n) for n in range(10)])
    with pytest.raises(RestartLimit) as caught:
        await supervise(child, intensity=2)
    assert len(child.starts) == 3
    assert caught.value.__cause__.args == (2,)


async def test_crashes_stop_counting_after_the_period(autojump_clock):
    child = Flaky(*[ValueError()] * 6)
    await supervise(child, intensity=1, period=2, backoff=3, jitter=0)
    assert len(child.starts) == 7


async def test_cancellation_goes_through(autojump_clock):
    async def child(*, task_status):
        await trio.sleep_forever()

    with trio.move_on_after(1) as scope:
        await supervise(child)
    assert scope.cancelled_caught


async def test_cancellation_ends_the_pause(autojump_clock):
    with trio.move_on_after(1) as scope:
        await supervise(Flaky(ValueError()), backoff=100, backoff_cap=100)
    assert scope.cancelled_caught


async def test_what_is_no_exception_is_not_caught():
    class Stop(BaseException):
        pass

    child = Flaky(Stop())
    with pytest.raises(Stop):
        await supervise(child)
    assert len(child.starts) == 1


async def test_a_failing_start_is_raised_to_the_starter(nursery):
    calls = []

    async def child(*, task_status):
        calls.append(1)
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        await nursery.start(supervise, child)
    assert calls == [1]


async def test_started_is_passed_on_once(nursery, autojump_clock):
    child = Flaky(ValueError())
    assert await nursery.start(supervise, child) == 1
    await trio.sleep(10)
    assert len(child.starts) == 2


async def test_crashes_are_told_and_a_failing_callback_does_no_harm(autojump_clock, caplog):
    told = []

    def on_crash(error):
        told.append(error)
        raise RuntimeError("in the callback")

    first, second = ValueError(1), ValueError(2)
    await supervise(Flaky(first, second), on_crash=on_crash)
    assert told == [first, second]
    assert "in the callback" in caplog.text
