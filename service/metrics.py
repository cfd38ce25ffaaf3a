"""The Prometheus series. Labels come from configured models, versions, protocols and statuses only.

Under the supervisor prometheus-client keeps its values in files (`PROMETHEUS_MULTIPROC_DIR`), so that the
admin listener can show them though every gateway process is busy or gone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from mulgam.tensors import Arrays
from service.drift.meter import DriftMeter
from service.prediction import total
from service.protocols.base import Output
from service.served import Served
from service.tally import CounterTally, HistogramTally

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FILES_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

# From a tenth of a millisecond (in process) to the default deadline.
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)
# Shares of the target's deviation, or of a request's rows; the first is "none".
DISAGREEMENT = (0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)
# Of a request that a shadow was to compute as well.
OUTCOMES = ("agreed", "disagreed", "failed", "dropped")
NO_MODEL = "none"


class Metrics:
    """The series of one gateway process, in a registry of their own."""

    def __init__(self, drift_half_life: float = 0.0) -> None:
        self._drift_half_life = drift_half_life
        self.registry = CollectorRegistry()
        model = ("model", "version")
        self.requests = Counter(
            "mulgam_requests",
            "Requests answered; code is the HTTP status.",
            (*model, "protocol", "code"),
            registry=self.registry,
        )
        self.request_seconds = self._histogram(
            "request_seconds", "Time from the whole body to the answer.", (*model, "protocol"), SECONDS
        )
        self.queue_seconds = self._histogram("queue_seconds", "Time in the queue for a batch.", model, SECONDS)
        self.backend_seconds = self._histogram(
            "backend_seconds", "Time that the backend took for a batch.", model, SECONDS
        )
        self.batch_rows = self._histogram("batch_rows", "Rows in one call of the backend.", model, ROWS)
        self.inflight = Gauge(
            "mulgam_inflight_requests", "Requests being worked on.", registry=self.registry,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self.rejected = Counter(
            "mulgam_rejected", "Requests refused before any work.", ("reason",), registry=self.registry
        )
        self.retries = Counter(
            "mulgam_retries", "Lost calls of the backend that were made again.", model, registry=self.registry
        )
        self.breaker_open = Gauge(
            "mulgam_breaker_open", "1 where requests are refused because the backend gives no answer.", model,
            registry=self.registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self.predicted_value = Summary(
            "mulgam_predicted_value", "Predicted values (regression).", model, registry=self.registry
        )
        self.predicted_class = Counter(
            "mulgam_predicted_class", "Predicted classes (classification).", (*model, "label"), registry=self.registry
        )
        self.model_info = Gauge(
            "mulgam_model_info", "The served version of each model.", (*model, "digest", "runtime"),
            registry=self.registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self.model_score = Gauge(
            "mulgam_model_score", "Score of the served version on data held out from training.", (*model, "score"),
            registry=self.registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self.canary_share = Gauge(
            "mulgam_canary_share", "Share of the requests that a canary gets; 0 while the default takes them.", model,
            registry=self.registry, multiprocess_mode="livemin",
        )  # fmt: skip
        self.shadow_requests = Counter(
            "mulgam_shadow_requests", f"Requests that a shadow was to compute as well: {', '.join(OUTCOMES)}.",
            (*model, "outcome"), registry=self.registry,
        )  # fmt: skip
        self.shadow_disagreement = self._histogram(
            "shadow_disagreement", "How far a shadow's answers lie from the default's.", model, DISAGREEMENT
        )
        feature = (*model, "feature")
        self.feature_drift = self._latest(
            "mulgam_feature_drift", "Population stability index of a feature against its training histogram.", feature
        )
        self.feature_missing = self._latest(
            "mulgam_feature_missing_ratio", "Share of the recent rows in which a feature is missing.", feature
        )
        self.feature_unseen = self._latest(
            "mulgam_feature_unseen_ratio", "Share of the recent rows with a word that training did not have.", feature
        )
        self.prediction_drift = self._latest(
            "mulgam_prediction_drift", "Population stability index of the predictions against those of training.", model
        )
        self.out_of_range = Counter(
            "mulgam_out_of_range",
            "Numbers outside of the range that training had, of the rows looked at; with those refused for it.",
            feature, registry=self.registry,
        )  # fmt: skip
        self.generation = Gauge(
            "mulgam_serving_generation", "Generation of serving.json that this process runs; 0 without one.",
            registry=self.registry, multiprocess_mode="livemin",
        )  # fmt: skip
        self._meters: dict[tuple[str, int], ModelMeters] = {}
        self._shadows: dict[tuple[str, int], ShadowMeters] = {}
        self.inflight_now = 0

    def describe(self, served: Served, scores: Mapping[str, float]) -> None:
        """Show a model that this process serves."""
        version = str(served.version)
        self.of(served)  # its series are there before a disk is full or descriptors are used up
        self.model_info.labels(served.name, version, served.digest, served.runtime).set(1)
        self.breaker_open.labels(served.name, version).set(0)
        for score, value in scores.items():
            self.model_score.labels(served.name, version, score).set(value)

    def undescribe(self, served: Served) -> None:
        """A version is served no more; a series in a file can't be taken away, so it says 0."""
        self.model_info.labels(served.name, str(served.version), served.digest, served.runtime).set(0)

    def canary(self, served: Served, share: float) -> None:
        """The share that a canary gets at present."""
        self.canary_share.labels(served.name, str(served.version)).set(share)

    def of_shadow(self, served: Served) -> ShadowMeters:
        """What is counted for one shadow."""
        key = (served.name, served.version)
        meters = self._shadows.get(key)
        if meters is None:
            meters = self._shadows[key] = ShadowMeters(self, served)
        return meters

    def outside(self, served: Served, counts: Mapping[str, int]) -> None:
        """Count numbers, by their feature, for which rows were refused; from any thread."""
        for feature, count in counts.items():
            self.out_of_range.labels(served.name, str(served.version), feature).inc(count)

    def broken(self, served: Served, is_open: bool) -> None:
        """The breaker of a version has opened or closed."""
        self.breaker_open.labels(served.name, str(served.version)).set(float(is_open))

    def of(self, served: Served) -> ModelMeters:
        """What is counted for one model."""
        key = (served.name, served.version)
        meters = self._meters.get(key)
        if meters is None:
            meters = self._meters[key] = ModelMeters(self, served, self._drift_half_life)
        return meters

    def flush(self) -> None:
        """Bring the series up to date; on the event loop."""
        for meters in self._meters.values():
            meters.flush()
        for shadow in self._shadows.values():
            shadow.flush()
        self.inflight.set(self.inflight_now)

    def _latest(self, name: str, text: str, labels: tuple[str, ...]) -> Gauge:
        """Of several processes the value that was set last: each sees a sample of the same requests."""
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode="livemostrecent")

    def _histogram(self, name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"mulgam_{name}", text, labels, buckets=buckets, registry=self.registry)


class ModelMeters:
    """The tallies of one served version."""

    def __init__(self, metrics: Metrics, served: Served, drift_half_life: float) -> None:
        self._metrics = metrics
        self._labels = (served.name, str(served.version))
        self._classes = served.signature.target.classes
        self.queue_seconds = HistogramTally(metrics.queue_seconds.labels(*self._labels), SECONDS)
        self.backend_seconds = HistogramTally(metrics.backend_seconds.labels(*self._labels), SECONDS)
        self.batch_rows = HistogramTally(metrics.batch_rows.labels(*self._labels), ROWS)
        self.retries = CounterTally(metrics.retries.labels(*self._labels))
        self._answers: dict[tuple[str, int], CounterTally] = {}
        self._seconds: dict[str, HistogramTally] = {}
        self._values = 0
        self._sum = 0.0
        self._counts = np.zeros(len(self._classes), np.int64)
        self._drift = DriftMeter(served.signature, served.baseline, drift_half_life) if drift_half_life > 0 else None
        self._value: Any = None if self._classes else metrics.predicted_value.labels(*self._labels)

    def answered(self, protocol: str, status: int, seconds: float) -> None:
        """Count one request's answer."""
        answers = self._answers.get((protocol, status))
        if answers is None:
            child = self._metrics.requests.labels(*self._labels, protocol, str(status))
            answers = self._answers[(protocol, status)] = CounterTally(child)
        answers.add()
        times = self._seconds.get(protocol)
        if times is None:
            histogram = self._metrics.request_seconds.labels(*self._labels, protocol)
            times = self._seconds[protocol] = HistogramTally(histogram, SECONDS)
        times.observe(seconds)

    def predicted(self, inputs: Arrays, output: Output) -> None:
        """Count what was asked, encoded, and what was predicted: float32 [N], or probabilities [N, K]."""
        if self._drift is not None:
            self._drift.observe(inputs, output)
        if self._classes:
            self._counts += np.bincount(output.argmax(axis=1), minlength=len(self._classes))
        else:
            self._values += len(output)
            self._sum += total(output)

    def flush(self) -> None:
        """Move everything into the series."""
        for counter in (self.retries, *self._answers.values()):
            counter.flush()
        for histogram in (self.queue_seconds, self.backend_seconds, self.batch_rows, *self._seconds.values()):
            histogram.flush()
        if self._values:
            self._value._count.inc(self._values)  # the library adds one value at a time; see `HistogramTally.flush`
            self._value._sum.inc(self._sum)
            self._values, self._sum = 0, 0.0
        for label, count in zip(self._classes, self._counts.tolist(), strict=True):
            if count:
                self._metrics.predicted_class.labels(*self._labels, label).inc(count)
        self._counts[:] = 0
        if self._drift is not None and self._drift.is_due():
            self._flush_drift(self._drift)

    def _flush_drift(self, drift: DriftMeter) -> None:
        metrics = self._metrics
        for feature, count in drift.count().items():
            metrics.out_of_range.labels(*self._labels, feature).inc(count)
        if not drift.is_shown_due():
            return
        for feature, found in drift.features().items():
            metrics.feature_drift.labels(*self._labels, feature).set(found.index)
            metrics.feature_missing.labels(*self._labels, feature).set(found.missing)
            metrics.feature_unseen.labels(*self._labels, feature).set(found.unseen)
        if drift.prediction_index is not None:
            metrics.prediction_drift.labels(*self._labels).set(drift.prediction_index)


class ShadowMeters:
    """The tallies of one shadow."""

    def __init__(self, metrics: Metrics, served: Served) -> None:
        labels = (served.name, str(served.version))
        self._outcomes = {name: CounterTally(metrics.shadow_requests.labels(*labels, name)) for name in OUTCOMES}
        self.disagreement = HistogramTally(metrics.shadow_disagreement.labels(*labels), DISAGREEMENT)

    def ended(self, outcome: str) -> None:
        """Count one request by what became of it."""
        self._outcomes[outcome].add()

    def flush(self) -> None:
        """Move everything into the series."""
        for counter in self._outcomes.values():
            counter.flush()
        self.disagreement.flush()


def forget(pid: int) -> None:
    """Drop the gauges of a process that ended: else they say for ever what was true last. Its counters stay."""
    mark_process_dead(pid)  # type: ignore[no-untyped-call]


class _Readiness(Collector):
    """`mulgam_ready` from the present state: a value in a file would outlive the process that wrote it."""

    def __init__(self, ready: Callable[[], Mapping[str, bool]]) -> None:
        self._ready = ready

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("mulgam_ready", "1 where the model gives its golden answers.", labels=("model",))
        for model, ready in sorted(self._ready().items()):
            family.add_metric((model,), float(ready))
        yield family


def described() -> list[tuple[str, str, tuple[str, ...], str]]:
    """(series, type, labels, what it says) of all that the gateways count, for the docs."""
    kept = [one for one in vars(Metrics()).values() if isinstance(one, MetricWrapperBase)]
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
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
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
        MultiProcessCollector(combined)  # type: ignore[no-untyped-call]
    elif registry is not None:
        parts = [registry, combined]
    return b"".join(generate_latest(part) for part in parts)
