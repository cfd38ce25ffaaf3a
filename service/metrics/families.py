"""Every Prometheus series of a gateway, declared once.

Labels come from configured models, versions, protocols and statuses only.
"""

from __future__ import annotations

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# From what a small request takes in process to the default deadline.
REQUEST_SECONDS = (0.000025, 0.00005, *_SECONDS)
# From what a small model itself takes.
CALL_SECONDS = (0.000005, 0.00001, 0.000025, 0.00005, *_SECONDS)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)
# Shares of the target's deviation, or of a request's rows; the first is "none".
DISAGREEMENT = (0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)
# Of a request that a shadow was to compute as well.
OUTCOMES = ("agreed", "disagreed", "failed", "dropped")
NO_MODEL = "none"
_MODEL = ("model", "version")
Mode = Literal["livemax", "livemin", "livesum", "livemostrecent"]


class Families:
    """The series of one gateway process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._declare_requests()
        self._declare_calls()
        self._declare_models()
        self._declare_trials()
        self._declare_drift()

    def _declare_requests(self) -> None:
        self.requests = self._counter(
            "requests",
            "Requests answered; code is the HTTP status, 499 where the caller left before.",
            (*_MODEL, "protocol", "code"),
        )
        self.request_seconds = self._histogram(
            "request_seconds", "Time from the whole body to the answer.", (*_MODEL, "protocol"), REQUEST_SECONDS
        )
        self.inflight = self._gauge("inflight_requests", "Requests being worked on.", (), "livesum")
        self.rejected = self._counter("rejected", "Requests refused before any work.", ("reason",))

    def _declare_calls(self) -> None:
        self.queue_seconds = self._histogram("queue_seconds", "Time in the queue for a batch.", _MODEL, CALL_SECONDS)
        self.backend_seconds = self._histogram(
            "backend_seconds", "Time that the backend took for a batch.", _MODEL, CALL_SECONDS
        )
        self.batch_rows = self._histogram("batch_rows", "Rows in one call of the backend.", _MODEL, ROWS)
        self.retries = self._counter("retries", "Lost calls of the backend that were made again.", _MODEL)
        self.breaker_open = self._gauge(
            "breaker_open", "1 where requests are refused because the backend gives no answer.", _MODEL
        )

    def _declare_models(self) -> None:
        self.predicted_value = Summary(
            "mulgam_predicted_value", "Predicted values (regression).", _MODEL, registry=self.registry
        )
        self.predicted_class = self._counter(
            "predicted_class", "Predicted classes (classification).", (*_MODEL, "label")
        )
        self.model_info = self._gauge("model_info", "The served version of each model.", (*_MODEL, "digest", "runtime"))
        self.model_score = self._gauge(
            "model_score", "Score of the served version on data held out from training.", (*_MODEL, "score")
        )
        self.generation = self._gauge(
            "serving_generation", "Generation of serving.json that this process runs; 0 without one.", (), "livemin"
        )

    def _declare_trials(self) -> None:
        self.canary_share = self._gauge(
            "canary_share", "Share of the requests that a canary gets; 0 while the default takes them.", _MODEL,
            "livemin",
        )  # fmt: skip
        self.shadow_requests = self._counter(
            "shadow_requests", f"Requests that a shadow was to compute as well: {', '.join(OUTCOMES)}.",
            (*_MODEL, "outcome"),
        )  # fmt: skip
        self.shadow_disagreement = self._histogram(
            "shadow_disagreement", "How far a shadow's answers lie from the default's.", _MODEL, DISAGREEMENT
        )

    def _declare_drift(self) -> None:
        feature = (*_MODEL, "feature")
        self.feature_drift = self._latest(
            "feature_drift", "Population stability index of a feature against its training histogram.", feature
        )
        self.feature_missing = self._latest(
            "feature_missing_ratio", "Share of the recent rows in which a feature is missing.", feature
        )
        self.feature_unseen = self._latest(
            "feature_unseen_ratio", "Share of the recent rows with a word that training did not have.", feature
        )
        self.prediction_drift = self._latest(
            "prediction_drift", "Population stability index of the predictions against those of training.", _MODEL
        )
        self.out_of_range = self._counter(
            "out_of_range",
            "Numbers outside of the range that training had, of the rows looked at; with those refused for it.",
            feature,
        )

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"mulgam_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...], mode: Mode = "livemax") -> Gauge:
        """Of several processes one figure is shown: by default the highest."""
        return Gauge(f"mulgam_{name}", text, labels, registry=self.registry, multiprocess_mode=mode)

    def _latest(self, name: str, text: str, labels: tuple[str, ...]) -> Gauge:
        """Of several processes the value that was set last: each sees a sample of the same requests."""
        return self._gauge(name, text, labels, "livemostrecent")

    def _histogram(self, name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"mulgam_{name}", text, labels, buckets=buckets, registry=self.registry)
