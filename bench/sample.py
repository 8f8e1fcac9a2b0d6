"""What was timed of one side: in a slice, and slices joined into a round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sample:
    """So many operations in so many seconds, and how long each of them took."""

    count: float
    seconds: float
    latencies: list[float] = field(default_factory=list)
    """Seconds, sorted."""
    busy: float = 0.0
    """Share of a processor that the busiest worker used: near 1, the worker was the bottleneck."""
    processor: float = 0.0
    """Seconds of processor time that the server used; 0 where nobody looked."""

    @classmethod
    def joined(cls, samples: Sequence[Sample]) -> Sample:
        """Join slices of one side."""
        return cls(
            count=sum(sample.count for sample in samples),
            seconds=sum(sample.seconds for sample in samples),
            latencies=sorted(latency for sample in samples for latency in sample.latencies),
            busy=max(sample.busy for sample in samples),
            processor=sum(sample.processor for sample in samples),
        )

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.count / self.seconds

    @property
    def cost(self) -> float:
        """Seconds of the server's processor time for an operation."""
        return self.processor / self.count

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
