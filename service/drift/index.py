"""The population stability index of two histograms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Added to each count, so that an empty bin makes a large index and not an infinite one.
_PRIOR = 0.5


def population_stability_index(expected: npt.NDArray[np.float64], found: npt.NDArray[np.float64]) -> float:
    """Σ (f - e) · ln(f / e) over the bins' shares: 0 for equal histograms, the same from either side.

    Custom reads below 0.1 as stable, above 0.25 as moved (Siddiqi, Credit Risk Scorecards, 2006). Of a sample of n
    values alone the index is about (bins - 1) / n, so that small samples look moved.

    Args:
        expected: [B] counts in training.
        found: [B] counts now.

    Examples:
        >>> population_stability_index(np.array([50.0, 50.0]), np.array([500.0, 500.0]))
        0.0
    """
    shares = [(counts + _PRIOR) / (counts + _PRIOR).sum() for counts in (expected, found)]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())
