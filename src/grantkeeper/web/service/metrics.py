"""What is counted, for Prometheus."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from grantkeeper.errors import GrantkeeperError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric

    from grantkeeper.keeper import Keeper

log = logging.getLogger("grantkeeper.web")
CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: a token from memory takes less than the first, one that waits for the provider about the last."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The counters of one service; a registry of its own, so that two in one process count apart."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "grantkeeper_requests", "Requests answered.", ("route", "method", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "grantkeeper_request_seconds",
            "How long answers took.",
            ("route",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._reads = Counter(
            "grantkeeper_token_reads", "Tokens read, by where they came from.", ("lane",), registry=self.registry
        )
        self._open = Gauge("grantkeeper_requests_open", "Requests being answered.", registry=self.registry)
        # `labels` takes a lock and builds a tuple of texts each time; a dictionary costs a tenth.
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._lanes: dict[str, Counter] = {}

    def begun(self) -> None:
        """Count a request that begins."""
        self._open.inc()

    def ended(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that was answered; `status` is 0 when its sender left before."""
        self._open.dec()
        key = (route, method, status // 100)
        found = self._known.get(key)
        if found is None:
            label = f"{status // 100}xx" if status else "none"
            counter = self._requests.labels(route, method if method in _METHODS else "other", label)
            found = self._known[key] = (counter, self._seconds.labels(route))
        found[0].inc()
        found[1].observe(seconds)

    def read(self, lane: str) -> None:
        """Count a token that was read."""
        found = self._lanes.get(lane)
        if found is None:
            found = self._lanes[lane] = self._reads.labels(lane)
        found.inc()

    def add(self, collector: Collector) -> None:
        """Add what is looked up when somebody asks."""
        self.registry.register(collector)

    def text(self) -> bytes:
        """Return everything in Prometheus's text format; may look into the database."""
        return generate_latest(self.registry)


class Looked(Collector):
    """What is looked up when somebody asks: how OAuth clients do, what waits. Nothing while the database is away."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def collect(self) -> Iterator[Metric]:
        """Look now."""
        try:
            yield from (*self._clients(), *self._waiting())
        except GrantkeeperError as error:
            log.warning("some metrics cannot be looked up: %s", error)

    def describe(self) -> Iterator[Metric]:
        """Say nothing in advance: a registry that asks would look into the database."""
        yield from ()

    def _clients(self) -> Iterator[Metric]:
        health = self._keeper.health
        failing = GaugeMetricFamily("grantkeeper_client_failing", "1 while an OAuth client fails.", labels=["client"])
        states = {state.client: state.failing_since is not None for state in health.states()}
        for client in self._keeper.clients:
            failing.add_metric([client.name], float(states.get(client.name, False)))
        yield failing
        hour = GaugeMetricFamily(
            "grantkeeper_refreshes_hour", "Refreshes of this hour, of all processes.", labels=["client", "outcome"]
        )
        for tally in health.tallies(since=datetime.now(UTC)):
            for outcome in ("refreshed", "refused", "trouble", "ours"):
                hour.add_metric([tally.client, outcome], float(getattr(tally, outcome)))
        yield hour

    def _waiting(self) -> Iterator[Metric]:
        due, _ = self._keeper.work.waiting()
        yield GaugeMetricFamily("grantkeeper_grants_due", "Grants that are due to be looked at.", value=float(due))
        endpoints = self._keeper.webhooks.all()
        failing = sum(each.failing_since is not None for each in endpoints)
        yield GaugeMetricFamily("grantkeeper_endpoints_failing", "Webhook endpoints that fail.", value=float(failing))
