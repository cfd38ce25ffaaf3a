"""A line of the log for each request that is refused, or failed; of a flood of the same, the first of each second.

A line costs several times what the refusal itself does: hundreds a second would hold everybody else up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from service.errors import ApiError
from service.telemetry.trace import Trace

log = logging.getLogger(__name__)

# Lines a second of one status and code.
MOST = 10


class Refusals:
    """Writes those lines; from any thread.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._second = 0
        self._counts: Counter[tuple[int, str]] = Counter()

    def log(
        self, error: ApiError, request_id: str, model: str, protocol: str, seconds: float, trace: Trace | None = None
    ) -> None:
        """One request's line: server faults are warnings, refusals information."""
        level = _level(error.status)
        if not log.isEnabledFor(level) or not self._is_wanted(error.status, error.code):
            return
        fields = {
            "request_id": request_id, "model": model, "protocol": protocol, "status": error.status,
            "code": error.code, "seconds": round(seconds, 6),
        }  # fmt: skip
        if trace is not None:
            fields["trace_id"] = trace.trace_id
        log.log(level, "refused: %s", error, extra=fields)

    def sum_up(self) -> None:
        """Tell how many got no line, once their second is over; to be called now and then."""
        with self._lock:
            second = int(self._clock())
            if second == self._second:
                return
            counts, self._counts, self._second = self._counts, Counter(), second
        _tell(counts)

    def _is_wanted(self, status: int, code: str) -> bool:
        self.sum_up()
        with self._lock:
            self._counts[status, code] += 1
            return self._counts[status, code] <= MOST


def _level(status: int) -> int:
    return logging.WARNING if status >= 500 and status != 501 else logging.INFO


def _tell(counts: Counter[tuple[int, str]]) -> None:
    for (status, code), count in counts.items():
        if count > MOST:
            left = count - MOST
            fields = {"status": status, "code": code, "count": left}
            log.log(_level(status), "refused: %d more within a second, without a line each", left, extra=fields)


# A process has one: what it is to bound is the process's log.
refusals = Refusals()
