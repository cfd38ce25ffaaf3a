"""One deadline for all steps of a request, counted from when it was whole: no step gets the time of another anew."""

from __future__ import annotations

import time
from types import TracebackType

from service.errors import BackendError, backend_late


class Deadline:
    """Within its block, a step that runs out of what was left is told as late by the whole.

    Args:
        seconds: that the request may take.
        since: when it was whole, on the clock of `time.perf_counter`.
    """

    def __init__(self, seconds: float, since: float) -> None:
        self._seconds = seconds
        self._since = since
        self._end = since + seconds

    def narrow(self, seconds: float | None) -> None:
        """The request itself may ask for less; None: it does not."""
        if seconds is not None and seconds < self._seconds:
            self._seconds, self._end = seconds, self._since + seconds

    def left(self) -> float:
        """Seconds for the next step; raises BackendError 504 where there are none."""
        left = self._end - time.perf_counter()
        if left <= 0:
            raise backend_late(self._seconds)
        return left

    def __enter__(self) -> Deadline:
        return self

    def __exit__(self, _: type[BaseException] | None, problem: BaseException | None, __: TracebackType | None) -> None:
        if isinstance(problem, BackendError) and problem.status == 504:
            raise backend_late(self._seconds) from None
