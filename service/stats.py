"""The live figures of each served version: how often, how fast, in which batches, with what drift.

They are read from the series that are kept anyway, of all gateway processes, and only when someone asks: two looks at
the counters give what happened between them.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from service.bridge import Bridge
from service.bulk.kinds import NAMES as TABLES
from service.metrics.families import REQUEST_SECONDS
from service.metrics.rendering import collected
from service.plane import DataPlane
from service.versions.served import Served

# Figures are of the last seconds, where someone asked within that time.
WINDOW = 10.0
# However many ask, the counters are looked at this seldom.
LEAST_APART = 0.5
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_PLACES = {str(bound): place for place, bound in enumerate(map(float, REQUEST_SECONDS))}


@dataclass
class Totals:
    """What was counted for one version since the service started; drift as it is now."""

    codes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=lambda: [0.0] * (len(REQUEST_SECONDS) + 1))
    batches: float = 0.0
    rows: float = 0.0
    drift: dict[str, float] = field(default_factory=dict)
    prediction_drift: float | None = None


@dataclass(frozen=True)
class Look:
    """All counters at one moment of `time.monotonic`."""

    at: float
    totals: dict[tuple[str, str], Totals]
    in_flight: int

    def of(self, served: Served) -> Totals:
        """One version's."""
        return self.totals.get((served.name, str(served.version))) or Totals()


class Stats:
    """Compares looks at the counters.

    Args:
        plane: whose versions and series.
        bridge: the way to the loop that counts.
    """

    def __init__(self, plane: DataPlane, bridge: Bridge) -> None:
        self._plane = plane
        self._bridge = bridge
        self._lock = threading.Lock()
        self._looks = deque([look(collected(plane.metrics.registry))])

    def of(self, served: Served) -> dict[str, Any]:
        """The figures of one version, as JSON has them: docs/http.md."""
        with self._lock:
            before, now = self._two_looks()
        old, new = before.of(served), now.of(served)
        seconds = now.at - before.at
        codes = new.codes - old.codes
        batches = new.batches - old.batches
        return {
            "seconds": round(seconds, 3),
            "rate": round(codes.total() / seconds, 3),
            "codes": {code: int(count) for code, count in sorted(codes.items())},
            "latency": percentiles([late - early for late, early in zip(new.seconds, old.seconds, strict=True)]),
            "batch_rows": round((new.rows - old.rows) / batches, 3) if batches > 0 else None,
            # But for the request that asks for these figures.
            "in_flight": max(0, now.in_flight - 1),
            "answered": int(new.codes.total()),
            "drift": {"prediction": new.prediction_drift, "features": new.drift},
        }

    def _two_looks(self) -> tuple[Look, Look]:
        """The present one, and the latest that is a window older (else the oldest there is)."""
        looks = self._looks
        if time.monotonic() - looks[-1].at >= LEAST_APART or len(looks) == 1:
            self._bridge.run(self._plane.flushed())
            looks.append(look(collected(self._plane.metrics.registry)))
        while len(looks) > 2 and looks[-1].at - looks[1].at >= WINDOW:
            looks.popleft()
        return looks[0], looks[-1]


def look(families: Iterable[Metric]) -> Look:
    """The counters in these families."""
    totals: dict[tuple[str, str], Totals] = {}
    in_flight = 0.0
    # Time first: a count that comes while the families are read belongs to the next window.
    at = time.monotonic()
    for family in families:
        if family.name == "mulgam_inflight_requests":
            in_flight = sum(sample.value for sample in family.samples)
        elif family.name in _READERS:
            for sample in family.samples:
                labels = sample.labels
                one = totals.setdefault((labels["model"], labels["version"]), Totals())
                _READERS[family.name](one, sample)
    for one in totals.values():
        # The library's buckets count all that is below their bound.
        one.seconds = [late - early for early, late in itertools.pairwise([0.0, *one.seconds])]
    return Look(at, totals, int(in_flight))


def percentiles(counts: Sequence[float]) -> dict[str, float] | None:
    """Latencies in seconds, estimated within their bucket as Prometheus' `histogram_quantile` does; None of nothing.

    Args:
        counts: for each of `REQUEST_SECONDS`, values up to it and above the one before; then those above all.
    """
    if sum(counts) <= 0:
        return None
    return {name: _quantile(counts, share) for name, share in PERCENTILES.items()}


def _quantile(counts: Sequence[float], share: float) -> float:
    rank, low = share * sum(counts), 0.0
    for bound, count in zip(REQUEST_SECONDS, counts, strict=False):
        if rank <= count:
            return float(f"{low + (bound - low) * rank / count:.3g}")
        rank, low = rank - count, float(bound)
    return low


def _answers(one: Totals, sample: Sample) -> None:
    if sample.name.endswith("_total"):
        one.codes[sample.labels["code"]] += int(sample.value)


def _seconds(one: Totals, sample: Sample) -> None:
    # How long a table takes says nothing of how long an answer takes.
    if sample.name.endswith("_bucket") and sample.labels["protocol"] not in TABLES.values():
        one.seconds[_PLACES.get(sample.labels["le"], len(REQUEST_SECONDS))] += sample.value


def _batches(one: Totals, sample: Sample) -> None:
    if sample.name.endswith("_count"):
        one.batches += sample.value
    elif sample.name.endswith("_sum"):
        one.rows += sample.value


def _feature_drift(one: Totals, sample: Sample) -> None:
    one.drift[sample.labels["feature"]] = round(sample.value, 4)


def _prediction_drift(one: Totals, sample: Sample) -> None:
    one.prediction_drift = round(sample.value, 4)


_READERS = {
    "mulgam_requests": _answers,
    "mulgam_request_seconds": _seconds,
    "mulgam_batch_rows": _batches,
    "mulgam_feature_drift": _feature_drift,
    "mulgam_prediction_drift": _prediction_drift,
}
