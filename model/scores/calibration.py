"""Calibration: does a class that gets 80 % come true in 80 % of the rows? And the one number that mends most of it.

Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", ICML 2017 (arXiv 1706.04599).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 10
# Between these a temperature is looked for; one at the edge says that the logits tell nothing, or all.
COLDEST, HOTTEST = 0.05, 20.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bin:
    """The rows whose highest probability lies in one tenth: how many, how sure the model was, how often right."""

    rows: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """How far probabilities can be believed, on held-out rows.

    Attributes:
        ece: expected calibration error, the mean gap between confidence and accuracy over the bins, by their rows.
        nll: negative log likelihood of a row (the log loss).
        bins: of the highest probability, tenths from 0 to 1; empty ones are left out.
    """

    ece: float
    nll: float
    bins: tuple[Bin, ...]


def measure(probabilities: npt.NDArray[Any], target: npt.NDArray[Any]) -> Calibration:
    """The calibration of probabilities [N, K] for class numbers [N]."""
    wide = probabilities.astype(np.float64)
    confidence, right = wide.max(axis=1), wide.argmax(axis=1) == target
    places = np.clip((confidence * BINS).astype(np.int64), 0, BINS - 1)
    bins = tuple(
        Bin(int(within.sum()), float(confidence[within].mean()), float(right[within].mean()))
        for within in (places == place for place in range(BINS))
        if within.any()
    )
    ece = sum(one.rows * abs(one.confidence - one.accuracy) for one in bins) / len(target)
    given = np.clip(wide[np.arange(len(target)), target], np.finfo(np.float32).eps, 1.0)
    return Calibration(float(ece), float(-np.mean(np.log(given))), bins)


def temperature(logits: npt.NDArray[Any], target: npt.NDArray[Any]) -> float:
    """The number to divide logits by so that the likelihood of the rows is highest; it changes no order of classes.

    Args:
        logits: [N, K], of rows that were not trained on.
        target: class numbers [N].
    """
    from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]

    wide = logits.astype(np.float64)

    def nll(log_temperature: float) -> float:
        scaled = wide / np.exp(log_temperature)
        top = scaled.max(axis=1, keepdims=True)
        normaliser = np.log(np.exp(scaled - top).sum(axis=1)) + top[:, 0]
        return float(np.mean(normaliser - scaled[np.arange(len(target)), target]))

    # The likelihood has one peak in the inverse temperature, so a bounded search by one variable finds it.
    found = minimize_scalar(nll, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))
