"""Finding out what became of a commit that broke off, while nothing else can be written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import trio

from .call import Call
from .connection import Connection
from .errors import unavailable
from .mailbox import Mailbox
from .settings import GroupCommitSettings
from .store import check_length

Q = TypeVar("Q")
A = TypeVar("A")


async def settle(
    doubtful: Sequence[Call[Q, A]],
    store: Connection[Q, A],
    mailbox: Mailbox[Q, A],
    settings: GroupCommitSettings,
) -> Sequence[A | None]:
    """Open the store anew and ask it, until it knows; meanwhile refuse what comes in.

    Returns: a finding for each of the doubtful calls, see `Store.settle`.

    Cancellation: goes through; the outcome stays open.

    Raises:
        Exception: what the last try failed with, when `settle_limit` is over.
    """
    give_up_at = trio.current_time() + settings.settle_limit
    attempt = 0
    while True:
        try:
            await store.open()
            with trio.fail_after(settings.settle_timeout):
                found = await store.store.settle([call.question for call in doubtful])
            check_length("settle", found, doubtful)
        except Exception as error:
            attempt += 1
            store.note_down(error)
            if trio.current_time() >= give_up_at:
                raise
            refusal = partial(unavailable, store.down_reason)
            await _refuse_for(store.delay(attempt), refusal, doubtful, mailbox, settings)
        else:
            store.note_up()
            return found


async def _refuse_for(
    seconds: float,
    error: Callable[[], Exception],
    doubtful: Sequence[Call[Q, A]],
    mailbox: Mailbox[Q, A],
    settings: GroupCommitSettings,
) -> None:
    """Refuse what is queued and what comes in, and tell those whose time is over."""
    until = trio.current_time() + seconds
    while (now := trio.current_time()) < until:
        mailbox.expire(now, settings.grace)
        ends = [call.deadline + settings.grace for call in doubtful if not call.done]
        with trio.move_on_at(min([until, *ends])):
            await _refuse_arrivals(error, mailbox, settings)


async def _refuse_arrivals(
    error: Callable[[], Exception], mailbox: Mailbox[Q, A], settings: GroupCommitSettings
) -> None:
    try:
        while True:
            for call in await mailbox.batch(settings.max_count, 1 << 62):
                call.fail(error())
    except trio.EndOfChannel:  # closed and drained, but the outcome is still open
        await trio.sleep_forever()
