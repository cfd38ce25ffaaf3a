"""A circuit breaker for each served version: a backend that is gone costs no caller a time-out (Nygard, Release It!).

Open after so many faults in a row, golden replays among them; then requests are refused at once. The replays go on,
so that the first one that is answered closes it: no caller is the one to try.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from service.errors import BackendError, BackendLost
from service.versions.served import Served

log = logging.getLogger(__name__)


class Breaker:
    """Counts faults in a row.

    Args:
        most: faults at which it opens.
        suspected: called at the first fault.
        changed: told whether it is open, whenever that changes.
    """

    def __init__(self, most: int, suspected: Callable[[], object], changed: Callable[[bool], object]) -> None:
        self._most = most
        self._suspected = suspected
        self._changed = changed
        self._faults = 0

    @property
    def is_open(self) -> bool:
        """Whether requests are to be refused."""
        return self._faults >= self._most

    def succeeded(self) -> None:
        """The backend gave an answer, whatever it was."""
        if self._faults:
            was_open, self._faults = self.is_open, 0
            if was_open:
                self._changed(False)

    def failed(self) -> None:
        """The backend gave none."""
        self._faults += 1
        if self._faults == 1:
            self._suspected()
        if self._faults == self._most:
            self._changed(True)


class Breakers:
    """The breakers of what is served, one for each version.

    Args:
        most: faults in a row at which one opens.
        patience: seconds; who waits for less may give up on a backend that is well.
        changed: told of a version whether its breaker is open, whenever that changes.
    """

    def __init__(self, most: int, patience: float, changed: Callable[[Served, bool], object]) -> None:
        self._most = most
        self._changed = changed
        self._breakers: dict[Served, Breaker] = {}
        self.patience = patience
        self.suspected: Callable[[], object] = lambda: None

    def of(self, served: Served) -> Breaker:
        """The breaker of a version."""
        breaker = self._breakers.get(served)
        if breaker is None:

            def changed(is_open: bool) -> None:
                log.warning("model %s: the breaker is %s", served.name, "open" if is_open else "closed")
                self._changed(served, is_open)

            breaker = Breaker(self._most, lambda: self.suspected(), changed)
            self._breakers[served] = breaker
        return breaker

    def judge(self, served: Served, problem: BackendError, timeout: float) -> None:
        """Take a call's failure into account; `timeout` is how long an answer was waited for."""
        if isinstance(problem, BackendLost):
            if not problem.elsewhere:
                self.of(served).failed()
        elif problem.status == 502:  # a wrong answer is one
            self.of(served).succeeded()
        elif problem.status == 503 or timeout >= self.patience:
            self.of(served).failed()

    def forget(self, served: Served) -> None:
        """A version is served no more."""
        self._breakers.pop(served, None)
