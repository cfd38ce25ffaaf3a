"""The series as the text that Prometheus scrapes, of this process or, out of their files, of every gateway."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service.metrics import files
from service.metrics.families import Families
from service.metrics.files import FILES_VARIABLE

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Readiness(Collector):
    """`mulgam_ready` from the present state: a value in a file would outlive the process that wrote it."""

    def __init__(self, ready: Callable[[], Mapping[str, bool]]) -> None:
        self._ready = ready

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("mulgam_ready", "1 where the model gives its golden answers.", labels=("model",))
        for model, ready in sorted(self._ready().items()):
            family.add_metric((model,), float(ready))
        yield family


class _Files(MultiProcessCollector):
    """The series of all gateway processes, out of their files."""

    def collect(self) -> Iterable[Metric]:
        with files.reading():
            found: Iterable[Metric] = super().collect()  # type: ignore[no-untyped-call]
            return found


def described() -> list[tuple[str, str, tuple[str, ...], str]]:
    """(series, type, labels, what it says) of all that the gateways count, for the docs."""
    kept = [one for one in vars(Families()).values() if isinstance(one, MetricWrapperBase)]
    found: list[tuple[Metric, Any]] = [(family, one._labelnames) for one in kept for family in one.describe()]
    found += [(family, ("model",)) for family in _Readiness(dict).collect()]
    return [
        (one.name + ("_total" if one.type == "counter" else ""), one.type, tuple(labels), one.documentation)
        for one, labels in found
    ]


def collected(registry: CollectorRegistry) -> Iterable[Metric]:
    """The series of every gateway process where they are kept in files, else those of this one.

    Args:
        registry: this process's series.
    """
    if os.environ.get(FILES_VARIABLE):
        registry = CollectorRegistry()
        _Files(registry)  # type: ignore[no-untyped-call]
    return registry.collect()


def render(
    registry: CollectorRegistry | None, ready: Callable[[], Mapping[str, bool]], others: Iterable[Collector] = ()
) -> bytes:
    """The text that Prometheus scrapes.

    Args:
        registry: this process's series; None in a process that has none of its own.
        ready: model -> whether it is ready now.
        others: what has series beside ours.
    """
    combined = CollectorRegistry()
    for collector in (_Readiness(ready), *others):
        combined.register(collector)
    parts: Iterable[CollectorRegistry] = [combined]
    if os.environ.get(FILES_VARIABLE):
        _Files(combined)  # type: ignore[no-untyped-call]
    elif registry is not None:
        parts = [registry, combined]
    return b"".join(generate_latest(part) for part in parts)
