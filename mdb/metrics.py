"""What a server counts of its own work: plain numbers, for whoever publishes them.

No I/O and no clock. Names that clients choose (streams, namespaces) are counted nowhere: whatever
is told apart here is told apart by the program's own words, so that it is bounded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import partial

from actors import HubStatistics
from mdb.core.messages import Append, IdConflict, Outcome, VersionConflict, Written

# Upper bounds of buckets. Seconds from the time of one write in memory to the longest that a
# request may take; calls in one transaction up to the most that the actor takes.
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Distribution:
    """How often which amounts came, in buckets; `bounds` are inclusive upper ones."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """Nothing came. One more bucket takes what is above the last bound."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, amount: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, amount)] += 1
        self.total += amount

    def include(self, other: Distribution) -> None:
        """Count all that another one counted, whose bounds are the same."""
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    @property
    def count(self) -> int:
        """How many came."""
        return sum(self.counts)


class Metrics:
    """Totals since the database was opened. Sync, and cheap enough for every request."""

    def __init__(self) -> None:
        """Nothing has happened."""
        self.requests: defaultdict[tuple[str, str], Distribution] = defaultdict(
            partial(Distribution, SECONDS)
        )
        """RPC requests by method and outcome (`OK`, an error's code, or `CANCELLED`), with seconds:
        from the complete request to its answer, or to the start of a streamed one."""
        self.writes: Counter[str] = Counter()
        """Writes (a batch or a transaction is one) by what became of them."""
        self.messages = 0
        """Messages written."""
        self.batch_sizes = Distribution(SIZES)
        """Writes in one transaction."""
        self.commit_seconds = Distribution(SECONDS)
        """One transaction, durable at its end."""
        self.restarts = 0
        """Crashes of actors, after each of which it was started again or gave up."""
        self.gave_up = 0
        """Actors that crashed too often."""
        self.pokes_read = 0
        """Pokes that subscribers were told from the database: history, and after falling behind."""
        self.pokes_heard = 0
        """Pokes that subscribers were told as they were published."""
        self._lagged = 0

    def answered(self, method: str, outcome: str, seconds: float) -> None:
        """Count a request."""
        self.requests[method, outcome].add(seconds)

    def committed(self, count: int, _size: int, seconds: float) -> None:
        """Count a transaction; the actor's `on_batch`."""
        self.batch_sizes.add(count)
        self.commit_seconds.add(seconds)

    def published(self, _appends: Sequence[Append], outcomes: Sequence[Outcome]) -> None:
        """Count what became of writes."""
        written = 0
        for outcome in outcomes:
            if isinstance(outcome, Written):
                if outcome.repeated:
                    self.writes["repeated"] += 1
                else:
                    written += 1
                    self.messages += len(outcome.positions)
            elif isinstance(outcome, VersionConflict):
                self.writes["version_conflict"] += 1
            elif isinstance(outcome, IdConflict):
                self.writes["id_conflict"] += 1
            else:
                self.writes["refused"] += 1
        if written:
            self.writes["written"] += written

    def crashed(self, _error: Exception) -> None:
        """Count a crash; the actor's `on_crash`."""
        self.restarts += 1

    def actor_gave_up(self, _key: str, _error: Exception) -> None:
        """Count the end of an actor; the registry's `on_give_up`."""
        self.gave_up += 1

    def retire(self, hub: HubStatistics) -> None:
        """Keep the totals of a namespace's hub that is about to be forgotten."""
        self._lagged += hub.lagged

    def lagged(self, hubs: Sequence[HubStatistics]) -> int:
        """Return how often a subscriber passed its bound, in these hubs and in retired ones."""
        return self._lagged + sum(hub.lagged for hub in hubs)
