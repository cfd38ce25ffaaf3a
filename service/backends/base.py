"""The seam between the gateway and what computes a prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

from mulgam.tensors import Arrays
from service.versions.served import Served


@dataclass(frozen=True, slots=True)
class Answer:
    """What a backend computed: the model's output, and the digest of the files that it computed it with."""

    output: npt.NDArray[Any]
    digest: str


class Elsewhere:
    """What every backend has that computes in another process: nothing there is cheap."""

    def cheap_rows(self, served: Served) -> int:
        """See `Backend.cheap_rows`: none."""
        return 0

    def idle_rows(self, served: Served) -> int:
        """See `Backend.idle_rows`: none."""
        return 0

    def at_once(self, served: Served, tensors: Arrays) -> Answer:
        """See `Backend.at_once`: for no rows at all."""
        raise AssertionError("no row is cheap in another process")


class Backend(Protocol):
    """Anything that computes predictions. Readiness needs no method: it replays golden requests."""

    workers: int
    """Batches that it computes at a time."""

    lanes: int
    """Batches that it works on at a time to advantage."""

    def cheap_rows(self, served: Served) -> int:
        """The most rows that `at_once` takes: computing them costs less than a queue or a thread would; 0: none."""
        ...

    def idle_rows(self, served: Served) -> int:
        """The most rows of a batch that `at_once` takes now, while nothing else is computed; 0: none."""
        ...

    def at_once(self, served: Served, tensors: Arrays) -> Answer:
        """The answer to so few rows; called on the event loop, it must not wait.

        Raises:
            BackendError: 503 where the version is not there.
        """
        ...

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

    async def prepare(self, served: Served) -> None:
        """Be able to compute another version, beside those that it computes already.

        Raises:
            MulgamError: it can't be loaded.
        """
        ...

    async def release(self, served: Served) -> None:
        """A version is served no more, and nothing of it is under way."""
        ...

    async def close(self) -> None:
        """Release connections and sessions."""
        ...
