"""What one round of one side gave."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sample:
    """Operations a second, and how long each of them took."""

    rate: float
    latencies: list[float] = field(default_factory=list)
    """Seconds, sorted."""
    busy: float = 0.0
    """Share of a processor that the busiest worker used: near 1, the worker was the bottleneck."""
    cost: float = 0.0
    """Seconds of processor time that the server used for an operation; 0 where nobody looked."""

    def at(self, share: float) -> float:
        """Return the latency, in seconds, that this share of the operations stayed under."""
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)]

    @property
    def median(self) -> float:
        """Seconds."""
        return self.at(0.5)

    @property
    def p95(self) -> float:
        """Seconds."""
        return self.at(0.95)

    @property
    def p99(self) -> float:
        """Seconds."""
        return self.at(0.99)
