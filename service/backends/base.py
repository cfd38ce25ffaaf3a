"""The seam between the gateway and what computes a prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

from mulgam.encoding import Arrays
from service.served import Served


@dataclass(frozen=True)
class Answer:
    """What a backend computed: the model's output, and the digest of the files that it computed it with."""

    output: npt.NDArray[Any]
    digest: str


class Backend(Protocol):
    """Anything that computes predictions. Readiness needs no method: it replays golden requests."""

    async def predict(self, served: Served, tensors: Arrays, timeout: float) -> Answer:
        """Run one batch.

        Args:
            served: which model and version.
            tensors: the graph's inputs, all with the same number of rows.
            timeout: seconds after which nobody waits for the answer any more.

        Raises:
            BackendError: 502, 503 or 504.
        """
        ...

    async def close(self) -> None:
        """Release connections and sessions."""
        ...
