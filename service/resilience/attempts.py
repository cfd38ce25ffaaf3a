"""A prediction by a backend that may fail: refused while its breaker is open, tried once more where a call was lost."""

from __future__ import annotations

import time

from mulgam.tensors import Arrays
from service.backends.base import Backend
from service.backends.prediction import predict
from service.errors import BackendError, BackendLost
from service.metrics.recording import Metrics
from service.protocols.base import Output
from service.resilience.breaker import Breakers
from service.resilience.retry import RetryBudget
from service.versions.served import Served


class Attempts:
    """Calls a backend on behalf of requests.

    Args:
        backend: computes the predictions.
        breakers: told how each call ends.
        budget: for retries.
        metrics: where those are counted.
    """

    def __init__(self, backend: Backend, breakers: Breakers, budget: RetryBudget, metrics: Metrics) -> None:
        self._backend = backend
        self._breakers = breakers
        self._budget = budget
        self._metrics = metrics

    async def predict(self, served: Served, tensors: Arrays, timeout: float) -> Output:
        """The model's output; a call that was lost, or its answer, is made once more, on another connection.

        Raises:
            BackendError: as `prediction.predict`.
        """
        self._budget.deposit()
        began = time.monotonic()
        try:
            return await self._call(served, tensors, timeout)
        except BackendLost:
            left = timeout - (time.monotonic() - began)
            if left <= 0 or not self._budget.withdraw():
                raise
        self._metrics.of(served).retries.add()
        return await self._call(served, tensors, left)

    async def _call(self, served: Served, tensors: Arrays, timeout: float) -> Output:
        try:
            output = await predict(served, tensors, self._backend, timeout)
        except BackendError as problem:
            self._breakers.judge(served, problem, timeout)
            raise
        self._breakers.of(served).succeeded()
        return output
