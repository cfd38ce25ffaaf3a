"""CPU time between two moments: a contestant's whole tree, and what is neither it nor the load generator."""

from __future__ import annotations

import time

import psutil

from tests.bench.tree import Tree


class Usage:
    """Counts from its making on."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._busy, self._cpu, self._started = _busy_seconds(), tree.cpu_seconds(), time.monotonic()

    def taken(self, generator: float) -> tuple[float, float]:
        """CPU seconds of the tree since then, and cores that others used.

        Args:
            generator: cores that the load generator used meanwhile.
        """
        cpu, busy = self._tree.cpu_seconds() - self._cpu, _busy_seconds() - self._busy
        return cpu, max(0.0, (busy - cpu) / (time.monotonic() - self._started) - generator)


def _busy_seconds() -> float:
    """CPU seconds that this machine spent on anything, so far, what its host took from it included."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0) + getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle)
