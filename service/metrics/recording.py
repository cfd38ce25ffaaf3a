"""One gateway process's metrics: the series, what each version and shadow counts, and when that is moved into them."""

from __future__ import annotations

from collections.abc import Mapping

from service.metrics.families import Families
from service.metrics.meters import ModelMeters, ShadowMeters
from service.versions.served import Served


class Metrics(Families):
    """The series of one gateway process and what fills them.

    Args:
        drift_half_life: seconds after which a row counts half in a model's drift; 0: it is not measured.
    """

    def __init__(self, drift_half_life: float = 0.0) -> None:
        super().__init__()
        self._drift_half_life = drift_half_life
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
