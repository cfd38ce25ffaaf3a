"""What is counted for one served version, on the event loop, until a flush moves it into the series."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from mulgam.tensors import Arrays
from service.backends.prediction import total
from service.calls import GONE
from service.drift.meter import DriftMeter
from service.metrics.families import CALL_SECONDS, DISAGREEMENT, OUTCOMES, REQUEST_SECONDS, ROWS, Families
from service.metrics.tally import CounterTally, HistogramTally
from service.metrics.turns import in_turns
from service.protocols.base import Output
from service.versions.served import Served


class ModelMeters:
    """The tallies of one served version."""

    def __init__(self, metrics: Families, served: Served, drift_half_life: float) -> None:
        self._metrics = metrics
        self._labels = (served.name, str(served.version))
        self._classes = served.signature.target.classes
        self.queue_seconds = HistogramTally(metrics.queue_seconds.labels(*self._labels), CALL_SECONDS)
        self.backend_seconds = HistogramTally(metrics.backend_seconds.labels(*self._labels), CALL_SECONDS)
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
        answers = self._answers.get((protocol, status)) or self._answers_of(protocol, status)
        answers.add()
        times = self._seconds.get(protocol)
        if times is None:
            histogram = self._metrics.request_seconds.labels(*self._labels, protocol)
            times = self._seconds[protocol] = HistogramTally(histogram, REQUEST_SECONDS)
        times.observe(seconds)

    def left(self, protocol: str) -> None:
        """Count one request whose caller left before its answer: nobody waited for so many seconds."""
        (self._answers.get((protocol, GONE)) or self._answers_of(protocol, GONE)).add()

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
            in_turns(self._counted(self._drift))

    def _answers_of(self, protocol: str, status: int) -> CounterTally:
        child = self._metrics.requests.labels(*self._labels, protocol, str(status))
        return self._answers.setdefault((protocol, status), CounterTally(child))

    def _counted(self, drift: DriftMeter) -> Iterator[None]:
        """Move the drift of what was put aside into the series, step by step."""
        metrics = self._metrics
        for step in drift.counting():
            for feature, count in step.items():
                metrics.out_of_range.labels(*self._labels, feature).inc(count)
            yield
        if not drift.is_shown_due():
            return
        for feature, found in drift.features():
            metrics.feature_drift.labels(*self._labels, feature).set(found.index)
            metrics.feature_missing.labels(*self._labels, feature).set(found.missing)
            metrics.feature_unseen.labels(*self._labels, feature).set(found.unseen)
            yield
        if drift.prediction_index is not None:
            metrics.prediction_drift.labels(*self._labels).set(drift.prediction_index)


class ShadowMeters:
    """The tallies of one shadow."""

    def __init__(self, metrics: Families, served: Served) -> None:
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
