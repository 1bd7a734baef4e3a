"""The metrics as Prometheus reads them. Loaded at the first scrape: it takes a server 20 ms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from unstill.domain.timings import Timings
from unstill.server.metrics.family import Family, Row

NAMESPACE = "unstill"


class _Scraped(Collector):
    """Gives what one scrape has read."""

    def __init__(self, found: Iterable[tuple[Family, Sequence[Row]]]) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        for family, rows in self._found:
            yield _metric(family, rows)


def text_of(found: Iterable[tuple[Family, Sequence[Row]]]) -> bytes:
    """All of them, and those of the process, in the text format 0.0.4."""
    registry = CollectorRegistry()
    registry.register(_Scraped(found))
    ProcessCollector(namespace=NAMESPACE, registry=registry)
    return generate_latest(registry)


def _metric(family: Family, rows: Sequence[Row]) -> Metric:
    match family.kind:
        case "gauge":
            gauge = GaugeMetricFamily(family.name, family.about, labels=family.labels)
            for labels, figure in rows:
                gauge.add_metric(labels, _number(figure))
            return gauge
        case "counter":
            counter = CounterMetricFamily(family.name, family.about, labels=family.labels)
            for labels, figure in rows:
                counter.add_metric(labels, _number(figure))
            return counter
        case "histogram":
            histogram = HistogramMetricFamily(family.name, family.about, labels=family.labels)
            for labels, figure in rows:
                timings = _timings(figure)
                bounds = [*map(floatToGoString, timings.bounds_s), "+Inf"]
                within = zip(bounds, timings.within, strict=True)
                histogram.add_metric(labels, list(within), sum_value=timings.sum_s)
            return histogram
        case other:
            assert_never(other)


def _number(figure: float | Timings) -> float:
    if isinstance(figure, Timings):
        raise TypeError("durations are of a histogram")
    return figure


def _timings(figure: float | Timings) -> Timings:
    if not isinstance(figure, Timings):
        raise TypeError("a histogram is of durations")
    return figure
