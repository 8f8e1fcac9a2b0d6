"""Settings and statistics of a group-commit actor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCommitSettings:
    """Bounds and time limits of a `GroupCommitActor`; all times in seconds."""

    max_count: int = 512
    """Most calls in one transaction."""
    max_bytes: int = 8 * 1024 * 1024
    """Most bytes in one transaction (one call alone may be larger)."""
    open_timeout: float = 10.0
    """For `Store.open`; past it the store counts as unavailable."""
    commit_timeout: float = 30.0
    """For `Store.commit`, shielded; past it the outcome counts as unknown."""
    settle_timeout: float = 10.0
    """For one `Store.settle`."""
    settle_limit: float = 60.0
    """For finding out the outcome in one life of the actor; past it that life crashes."""
    close_timeout: float = 5.0
    """For `Store.close` and `Store.release`, shielded."""
    grace: float = 5.0
    """How long past its deadline a begun call waits for its outcome."""
    idle_release: float = 5.0
    """Without work for so long, the store is asked to release what is costly to hold."""
    backoff: float = 0.1
    """Before the first try to reach the store again; doubled for each that fails."""
    backoff_cap: float = 5.0
    """Most time between two tries."""
    jitter: float = 0.5
    """Share (0 to 1) of those pauses that is random."""
    restart_intensity: int = 5
    """Crashes tolerated within `restart_period`."""
    restart_period: float = 30.0
    """How long a crash counts."""


@dataclass(frozen=True, slots=True)
class GroupCommitStatistics:
    """What `GroupCommitActor.statistics` returns; totals are since the actor was made."""

    batches: int
    """Transactions that were committed."""
    questions: int
    """Questions answered by them."""
    largest_batch: int
    """Most questions in one of them."""
    deferred: int
    """Times a question was put back because the store deferred it."""
    uncertain: int
    """Commits that broke off with an unknown outcome."""
    opens: int
    """Times the store was opened."""
    restarts: int
    """Crashes of the actor's task."""
    available: bool
    """Whether the store was reachable when last used."""
