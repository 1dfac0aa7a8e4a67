"""What is counted, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector

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


class LookedUp:
    """A collector of values that a function looks up, family by family."""

    def __init__(self, families: object) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Look now."""
        assert callable(self._families)  # noqa: S101 - the type of prometheus_client's registry
        found: Iterable[Metric] = self._families()
        return found

    def describe(self) -> Iterable[Metric]:
        """Say nothing in advance: a registry that asks would look into the database."""
        return ()
