"""Medians, spreads and ratios of rounds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The median of some rounds with the least and the greatest."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def ratio(above: Sequence[float], below: Sequence[float]) -> Spread:
    """The ratio of the medians; the spread is that of the ratios within each round."""
    rounds = [one / other for one, other in zip(above, below, strict=False)]
    return Spread(statistics.median(above) / statistics.median(below), min(rounds), max(rounds))
