"""The data plane: what is served, by which backend, measured how. It knows no protocol and no framework."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from service.backends.base import Backend
from service.errors import ApiError
from service.metrics import Metrics
from service.prediction import predict
from service.readiness import Readiness
from service.served import Catalogue, Served
from service.settings import Settings


class DataPlane:
    """Everything that a route needs, in one place.

    Args:
        settings: of this process.
        catalogue: the served models.
        backend: computes their predictions.
        metrics: where they are counted.
    """

    def __init__(self, settings: Settings, catalogue: Catalogue, backend: Backend, metrics: Metrics) -> None:
        self.settings = settings
        self.catalogue = catalogue
        self.backend = backend
        self.metrics = metrics
        self.readiness = Readiness(catalogue, backend, settings.ready_interval)
        for served in catalogue:
            metrics.describe(served, held_out_scores(served))

    async def predict(self, served: Served, instances: list[Any]) -> npt.NDArray[np.float32]:
        """Encode, compute, count.

        Returns:
            float32 [N] (regression) or [N, K] (classification).

        Raises:
            InputError: the instances do not fit the signature.
            ApiError: 413 for too many rows, or a BackendError.
        """
        if len(instances) > self.settings.max_rows:
            raise ApiError(
                413,
                "TOO_MANY_ROWS",
                f"instances has {len(instances)} rows; at most {self.settings.max_rows} are taken in one request.",
                "instances",
            )
        tensors = served.encoder.encode(instances)
        version = str(served.version)
        self.metrics.batch_rows.labels(served.name, version).observe(len(instances))
        started = time.perf_counter()
        try:
            output = await predict(served, tensors, self.backend, self.settings.request_timeout)
        finally:
            self.metrics.backend_seconds.labels(served.name, version).observe(time.perf_counter() - started)
        self.metrics.predicted(served, output)
        return output


def held_out_scores(served: Served) -> dict[str, float]:
    """The model's own scores on held-out rows, from the version's `metrics.json`."""
    scores = served.scores.get("scores", {})
    return {name: float(value) for name, value in scores.items() if isinstance(value, int | float)}
