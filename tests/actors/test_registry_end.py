"""The moment in which a registry that was cancelled ends."""

import pytest
import trio
from faulty_store import FaultyStore

from actors import Down, GroupCommitActor, Registry

# Which of two tasks has its turn first is drawn by lot.
TIMES = 30


class Told(FaultyStore):
    """A store that tells when it was closed, which is the last thing that an actor does."""

    def __init__(self):
        super().__init__()
        self.closed = trio.Event()

    async def close(self):
        await super().close()
        self.closed.set()


@pytest.mark.parametrize("time", range(TIMES))
async def test_nothing_is_started_in_a_registry_that_ends(nursery, autojump_clock, time):
    store = Told()
    registry = Registry(lambda _key: GroupCommitActor(store))
    refused = trio.Event()

    async def ask_at_the_end():
        await store.closed.wait()
        with pytest.raises(Down):
            await registry.obtain("b")
        refused.set()

    nursery.start_soon(ask_at_the_end)
    async with trio.open_nursery() as running:
        await running.start(registry.run)
        await registry.ask("a", "1")
        running.cancel_scope.cancel()
    await refused.wait()
