"""The Prometheus series. Labels come from configured models, versions, protocols and statuses only.

Under the supervisor prometheus-client keeps its values in files (`PROMETHEUS_MULTIPROC_DIR`), so that the
admin listener can show them though every gateway process is busy or gone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service.served import Served

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FILES_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

# From a tenth of a millisecond (in process) to the default deadline.
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)
NO_MODEL = "none"


class Metrics:
    """The series of one gateway process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        model = ("model", "version")
        self.requests = Counter(
            "mulgam_requests", "Requests answered.", (*model, "protocol", "code"), registry=self.registry
        )
        self.request_seconds = Histogram(
            "mulgam_request_seconds", "Time from the whole body to the answer.", (*model, "protocol"),
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self.backend_seconds = Histogram(
            "mulgam_backend_seconds", "Time that the backend took for a batch.", model,
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self.batch_rows = Histogram(
            "mulgam_batch_rows", "Rows in one call of the backend.", model, buckets=ROWS, registry=self.registry
        )
        self.inflight = Gauge(
            "mulgam_inflight_requests", "Requests being worked on.", registry=self.registry,
            multiprocess_mode="livesum",
        )  # fmt: skip
        self.rejected = Counter(
            "mulgam_rejected", "Requests refused before any work.", ("reason",), registry=self.registry
        )
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
        self.generation = Gauge(
            "mulgam_serving_generation", "Generation of serving.json that this process runs.",
            registry=self.registry, multiprocess_mode="livemin",
        )  # fmt: skip

    def describe(self, served: Served, scores: Mapping[str, float]) -> None:
        """Show a model that this process serves."""
        version = str(served.version)
        self.model_info.labels(served.name, version, served.digest, served.runtime).set(1)
        for score, value in scores.items():
            self.model_score.labels(served.name, version, score).set(value)

    def predicted(self, served: Served, output: npt.NDArray[np.float32]) -> None:
        """Count what was answered: float32 [N], or probabilities [N, K]."""
        version, classes = str(served.version), served.signature.target.classes
        if not classes:
            summary = self.predicted_value.labels(served.name, version)
            for value in output.tolist():
                summary.observe(value)
            return
        counts = np.bincount(output.argmax(axis=1), minlength=len(classes))
        for label, count in zip(classes, counts.tolist(), strict=True):
            if count:
                self.predicted_class.labels(served.name, version, label).inc(count)


class _Readiness(Collector):
    """`mulgam_ready` from the present state: a value in a file would outlive the process that wrote it."""

    def __init__(self, ready: Callable[[], Mapping[str, bool]]) -> None:
        self._ready = ready

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("mulgam_ready", "1 where the model gives its golden answers.", labels=("model",))
        for model, ready in sorted(self._ready().items()):
            family.add_metric((model,), float(ready))
        yield family


def render(registry: CollectorRegistry | None, ready: Callable[[], Mapping[str, bool]]) -> bytes:
    """The text that Prometheus scrapes.

    Args:
        registry: this process's series; None in a process that has none of its own.
        ready: model -> whether it is ready now.
    """
    combined = CollectorRegistry()
    combined.register(_Readiness(ready))
    parts: Iterable[CollectorRegistry] = [combined]
    if os.environ.get(FILES_VARIABLE):
        MultiProcessCollector(combined)  # type: ignore[no-untyped-call]
    elif registry is not None:
        parts = [registry, combined]
    return b"".join(generate_latest(part) for part in parts)
