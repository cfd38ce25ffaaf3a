"""CPU time between two moments: a contestant's whole tree, and what is neither it nor the load generator."""

from __future__ import annotations

import time
from typing import NamedTuple

import psutil

from tests.bench.tree import Tree


class Taken(NamedTuple):
    """CPU seconds of the tree, how many seconds passed, cores that others used."""

    cpu: float
    seconds: float
    others: float


class Usage:
    """Counts from its making on."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._busy, self._cpu, self._started = _busy_seconds(), tree.cpu_seconds(), time.monotonic()

    def taken(self, generator: float) -> Taken:
        """Since then.

        Args:
            generator: cores that the load generator used meanwhile.
        """
        cpu, busy = self._tree.cpu_seconds() - self._cpu, _busy_seconds() - self._busy
        seconds = time.monotonic() - self._started
        return Taken(cpu, seconds, max(0.0, (busy - cpu) / seconds - generator))


def _busy_seconds() -> float:
    """CPU seconds that this machine spent on anything, so far, what its host took from it included."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle)
