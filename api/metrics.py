"""Metrics for Prometheus: what requests took, and what the parts of the service count."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from api.services import Measure

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""


class Metrics:
    """What one application counts; each has its own registry."""

    def __init__(self, measures: Iterable[Measure]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._duration = Histogram(
            "deskstream_http_request_duration_seconds",
            "From the request's arrival to the start of its answer.",
            ("method", "route"),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._requests = Counter(
            "deskstream_http_requests_total",
            "Answers by status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._known: dict[tuple[str, str, int], tuple[Histogram, Counter]] = {}
        self._registry.register(_Measures(tuple(measures)))

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one answer, under its route and not its path: labels must be few."""
        route = getattr(scope.get("route"), "path", "none")
        key = scope["method"], route, status
        known = self._known.get(key)
        if known is None:
            method = scope["method"] if route != "none" else "any"
            known = self._known[key] = (
                self._duration.labels(method, route),
                self._requests.labels(method, route, str(status)),
            )
            if len(self._known) > _MAX_KNOWN:  # methods are the client's words
                self._known.clear()
        known[0].observe(seconds)
        known[1].inc()

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self._registry)


_MAX_KNOWN = 2_000


class _Measures(Collector):
    """Reads the parts' own numbers when asked."""

    def __init__(self, measures: tuple[Measure, ...]) -> None:
        self._measures = measures

    def collect(self) -> Iterable[Metric]:
        """One metric for each measure."""
        for measure in self._measures:
            family = CounterMetricFamily if measure.kind == "counter" else GaugeMetricFamily
            yield family(measure.name, measure.help, value=measure.read())
