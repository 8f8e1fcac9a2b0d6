"""`GET /metrics`: what the server counts, in the text format that Prometheus reads."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

import trio
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from mdb.database import Database
from mdb.metrics import SECONDS, Distribution
from mdb.version import VERSION

# Sessions that hold readers back which are named, the longest at work first: they come one by one.
_HOLDERS = 10

# Seconds from which on one is named. Any write of others holds readers back for a moment.
_HELD_LONG = 1.0


class Exposition:
    """Renders the metrics of one server. A registry of its own: a process may have two."""

    def __init__(self, database: Database) -> None:
        """No I/O."""
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Collector(database))
        ProcessCollector(registry=self._registry)

    def render(self, accept: str | None) -> tuple[bytes, str]:
        """Return text and content type: OpenMetrics where the client takes that.

        Sync, and asks the database nothing: it answers while that is gone.
        """
        encode, content_type = choose_encoder(accept or "")
        return encode(self._registry), content_type


class _Collector(Collector):
    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "mdb_build",
            "Version of the server, and the kind of its database",
            {"version": VERSION, "backend": self._database.store.backend},
        )
        yield from self._requests()
        yield from self._writes()
        yield from self._actors()
        yield from self._subscribers()
        yield from self._connections()
        yield from self._held_back()

    def _requests(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "mdb_rpc_requests",
            "RPC requests by method (a pipeline is one) and outcome: OK, or an error's code",
            labels=("method", "outcome"),
        )
        by_method: defaultdict[str, Distribution] = defaultdict(partial(Distribution, SECONDS))
        for labels, distribution in sorted(self._database.metrics.requests.items()):
            requests.add_metric(labels, distribution.count)
            by_method[labels[0]].include(distribution)
        yield requests
        seconds = HistogramMetricFamily(
            "mdb_rpc_request_seconds",
            "From the complete request to its answer, or to the start of one that is streamed",
            labels=("method",),
        )
        for method, distribution in by_method.items():
            _add(seconds, (method,), distribution)
        yield seconds

    def _writes(self) -> Iterator[Metric]:
        metrics = self._database.metrics
        writes = CounterMetricFamily(
            "mdb_writes",
            "Writes (a batch or a transaction is one) that were judged, by result",
            labels=("result",),
        )
        for result in ("written", "repeated", "version_conflict", "id_conflict"):
            writes.add_metric((result,), metrics.writes[result])
        yield writes
        yield CounterMetricFamily("mdb_messages_written", "Messages written", metrics.messages)
        sizes = HistogramMetricFamily("mdb_commit_size", "Writes committed in one transaction")
        _add(sizes, (), metrics.batch_sizes)
        yield sizes
        seconds = HistogramMetricFamily("mdb_commit_seconds", "Transactions, durable at their end")
        _add(seconds, (), metrics.commit_seconds)
        yield seconds

    def _actors(self) -> Iterator[Metric]:
        database = self._database
        metrics, found = database.metrics, database.writers()
        mailboxes = [actor.mailbox.statistics() for actor in found]
        yield GaugeMetricFamily("mdb_actors", "Namespaces that are written to now", len(found))
        yield GaugeMetricFamily(
            "mdb_write_queue",
            "Writes that wait, in all namespaces",
            sum(m.queued for m in mailboxes),
        )
        yield GaugeMetricFamily(
            "mdb_write_queue_bytes",
            "Their size, in bytes",
            sum(m.queued_bytes for m in mailboxes),
        )
        yield CounterMetricFamily("mdb_actor_crashes", "Crashes of actors", metrics.restarts)
        yield CounterMetricFamily(
            "mdb_actors_given_up", "Actors that crashed too often", metrics.gave_up
        )

    def _subscribers(self) -> Iterator[Metric]:
        database = self._database
        metrics = database.metrics
        hubs = [namespace.feed.hub.statistics() for namespace in database.opened()]
        yield GaugeMetricFamily(
            "mdb_namespaces", "Namespaces used since the start, and not deleted", len(hubs)
        )
        yield GaugeMetricFamily(
            "mdb_subscribers", "Open subscriptions", sum(hub.subscribers for hub in hubs)
        )
        yield GaugeMetricFamily(
            "mdb_pokes_waiting",
            "Pokes that were published and wait for a subscriber",
            sum(hub.queued for hub in hubs),
        )
        pokes = CounterMetricFamily(
            "mdb_pokes",
            "Pokes handed to subscribers, as they were published or from the database",
            labels=("source",),
        )
        pokes.add_metric(("published",), metrics.pokes_heard)
        pokes.add_metric(("database",), metrics.pokes_read)
        yield pokes
        yield CounterMetricFamily(
            "mdb_subscribers_lagged",
            "Times a subscriber was too slow, and was sent to read the database",
            metrics.lagged(hubs),
        )

    def _connections(self) -> Iterator[Metric]:
        found = self._database.store.statistics()
        yield GaugeMetricFamily(
            "mdb_database_connections", "Open connections to the database", found.connections
        )
        yield GaugeMetricFamily(
            "mdb_database_waiting",
            "Calls that wait for a connection to the database",
            found.waiting,
        )

    def _held_back(self) -> Iterator[Metric]:
        now = trio.current_time()
        # Of others nobody looks whether they still wait.
        followed = [n.store.held_back(now) for n in self._database.opened() if n.feed.hub]
        held = [(seconds, pids) for seconds, pids in followed if pids]
        yield GaugeMetricFamily(
            "mdb_readers_held_back",
            "Namespaces whose readers of everything wait for somebody's open transaction",
            len(held),
        )
        named = GaugeMetricFamily(
            "mdb_readers_held_back_seconds",
            "For how long, by the session that has the transaction open (none: it is prepared)",
            labels=("pid",),
        )
        longest: dict[str, float] = {}
        for seconds, pids in held:
            for pid in pids:
                name = "none" if pid is None else str(pid)
                longest[name] = max(longest.get(name, 0.0), seconds)
        ranked = sorted(longest.items(), key=lambda item: -item[1])
        for name, seconds in ranked[:_HOLDERS]:
            if seconds >= _HELD_LONG:
                named.add_metric((name,), seconds)
        yield named


def _add(family: HistogramMetricFamily, labels: Sequence[str], found: Distribution) -> None:
    reached, buckets = 0, []
    for bound, count in zip((*found.bounds, math.inf), found.counts, strict=True):
        reached += count
        buckets.append(("+Inf" if bound == math.inf else str(float(bound)), reached))
    family.add_metric(labels, buckets, found.total)
