"""Counting on the event loop: plain numbers now, the Prometheus series a few times a second.

One observation of a prometheus-client histogram that lives in a file costs more than the whole JSON of a
request; here it is a list index. All methods are called on the loop's thread only, so nothing is locked.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from prometheus_client import Counter, Histogram


class HistogramTally:
    """Observations for one child of a histogram.

    Args:
        child: the labelled histogram.
        bounds: its upper bounds, without +Inf.
    """

    __slots__ = ("_bounds", "_child", "_counts", "_sum")

    def __init__(self, child: Histogram, bounds: Sequence[float]) -> None:
        self._child: Any = child
        self._bounds = tuple(float(bound) for bound in bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count one value (or the same one several times)."""
        self._counts[bisect_left(self._bounds, value)] += times
        self._sum += value * times

    def flush(self) -> None:
        """Move what was counted into the histogram.

        The library offers no way to add many observations at once; its buckets do (the release is pinned,
        and a test compares the result with single observations).
        """
        for bucket, count in zip(self._child._buckets, self._counts, strict=True):
            if count:
                bucket.inc(count)
        if any(self._counts):
            self._child._sum.inc(self._sum)
            self._counts = [0] * len(self._counts)
            self._sum = 0.0


class CounterTally:
    """Increments for one child of a counter."""

    __slots__ = ("_child", "_count")

    def __init__(self, child: Counter) -> None:
        self._child = child
        self._count = 0

    def add(self, count: int = 1) -> None:
        """Count."""
        self._count += count

    def flush(self) -> None:
        """Move what was counted into the counter."""
        if self._count:
            self._child.inc(self._count)
            self._count = 0
