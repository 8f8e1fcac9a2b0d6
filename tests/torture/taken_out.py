"""The parts that the promise stands on, each of which can be taken out to see the test fail.

    TAKE_OUT=poll python -m pytest tests/torture

A test that passes without the part it is meant to test proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio

from mdb.feed import Feed
from mdb.follow import Follower
from mdb.stores.postgres.news import News
from mdb.stores.postgres.settled import Settled, Tail
from mdb.stores.postgres.watch import Watch


def subscribing_first(patch: pytest.MonkeyPatch) -> None:
    """Take a place in the feed only after the history was read."""
    read = Follower._read

    async def read_then_subscribe(self: Any) -> Any:
        delivery = await read(self)
        if not self._behind:
            self._subscription.close()
            await trio.lowlevel.checkpoint()
            self._subscription = self._feed.subscribe(self.follow)
        return delivery

    patch.setattr(Follower, "_read", read_then_subscribe)


def poll(patch: pytest.MonkeyPatch) -> None:
    """Rely on notifications."""
    init = Watch.__init__

    def never(self: Any, *args: Any, **options: Any) -> None:
        init(self, *args, **{**options, "poll_interval": 3600.0})

    patch.setattr(Watch, "__init__", never)


def visibility(patch: pytest.MonkeyPatch) -> None:
    """Take what is visible for all there will be."""

    def believe(self: Settled, tail: Tail) -> bool:
        self.upto = max(self.upto, tail.head)
        return True

    init = Feed.__init__

    def ordered(self: Any, **options: Any) -> None:
        init(self, **{**options, "ordered": True})

    patch.setattr(Settled, "advance", believe)
    patch.setattr(Feed, "__init__", ordered)


def catching_up(patch: pytest.MonkeyPatch) -> None:
    """Listen again after a loss, and look at nothing."""
    patch.setattr(News, "look_at_everything", lambda self: None)


PARTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "subscribing-first": subscribing_first,
    "poll": poll,
    "visibility": visibility,
    "catching-up": catching_up,
}
