"""What is counted, for Prometheus."""

from __future__ import annotations

import logging
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
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
_LIMITS: Final = (*map(str, _BUCKETS), "+Inf")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics(Collector):
    """The counters of one service; a registry of its own, so that two in one process count apart.

    Requests are counted in plain numbers, on the event loop, where nobody else counts: a lock for each would cost as
    much as the answer.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._open = 0
        self._answered: dict[tuple[str, str, int], _Answered] = {}
        self._reads: dict[str, int] = {}
        self.registry.register(self)

    def begun(self) -> None:
        """Count a request that begins."""
        self._open += 1

    def ended(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that was answered; `status` is 0 when its sender left before."""
        self._open -= 1
        key = (route, method, status // 100)
        found = self._answered.get(key)
        if found is None:
            key = (route, method if method in _METHODS else "other", status // 100)
            found = self._answered.setdefault(key, _Answered())
        found.seconds += seconds
        found.within[bisect_left(_BUCKETS, seconds)] += 1

    def read(self, lane: str) -> None:
        """Count a token that was read."""
        self._reads[lane] = self._reads.get(lane, 0) + 1

    def add(self, collector: Collector) -> None:
        """Add what is looked up when somebody asks."""
        self.registry.register(collector)

    def text(self) -> bytes:
        """Return everything in Prometheus's text format; may look into the database."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """Say what was counted."""
        requests = CounterMetricFamily(
            "grantkeeper_requests", "Requests answered.", labels=["route", "method", "status"]
        )
        routes: dict[str, _Answered] = {}
        for (route, method, status), found in list(self._answered.items()):
            requests.add_metric([route, method, f"{status}xx" if status else "none"], sum(found.within))
            routes.setdefault(route, _Answered()).add(found)
        yield requests
        seconds = HistogramMetricFamily("grantkeeper_request_seconds", "How long answers took.", labels=["route"])
        for route, whole in routes.items():
            counts = accumulate(whole.within)
            seconds.add_metric([route], list(zip(_LIMITS, counts, strict=True)), sum_value=whole.seconds)
        yield seconds
        reads = CounterMetricFamily("grantkeeper_token_reads", "Tokens read, by where they came from.", labels=["lane"])
        for lane, count in list(self._reads.items()):
            reads.add_metric([lane], count)
        yield reads
        yield GaugeMetricFamily("grantkeeper_requests_open", "Requests being answered.", value=self._open)


@dataclass(slots=True)
class _Answered:
    """Requests that were answered: how many within each bucket, and the seconds of all."""

    seconds: float = 0.0
    within: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS) + 1))

    def add(self, more: _Answered) -> None:
        self.seconds += more.seconds
        self.within = [one + other for one, other in zip(self.within, more.within, strict=True)]


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
        failing = sum(each.failing_since is not None for each in endpoints) + len(self._keeper.webhooks.unreadable())
        yield GaugeMetricFamily("grantkeeper_endpoints_failing", "Webhook endpoints that fail.", value=float(failing))
