"""Scores on held-out rows.

Regression: RMSE, MAE (in the target's unit), R² and, of a target without negative values, RMSLE.
Classification: accuracy and log loss (natural logarithm).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.table import Floats
from mulgam.signature import Task

Scores = dict[str, float]

# The score that decides which of two models is better, and whether more of it is better.
PRIMARY: dict[Task, str] = {"regression": "rmse", "classification": "accuracy"}
MORE_IS_BETTER = frozenset({"accuracy", "r2"})


def scores_of(task: Task) -> Callable[[npt.NDArray[Any], npt.NDArray[Any]], Scores]:
    """The scores of a task, as a function of answers and target."""
    return classification if task == "classification" else regression


def regression(predicted: npt.NDArray[Any], target: Floats) -> Scores:
    """Scores of predicted quantities [N].

    R² is left out where the target does not vary, RMSLE where a target is negative; to RMSLE, which has the error of
    log(1 + y), a negative prediction is 0.
    """
    error = predicted.astype(np.float64) - target
    squares = float(np.mean(error**2))
    scores = {"rmse": squares**0.5, "mae": float(np.mean(np.abs(error)))}
    variance = float(np.var(target))
    if variance > 0:
        scores["r2"] = 1.0 - squares / variance
    if target.min() >= 0:
        logarithms = np.log1p(np.maximum(predicted, 0.0, dtype=np.float64)) - np.log1p(target)
        scores["rmsle"] = float(np.mean(logarithms**2)) ** 0.5
    return scores


def classification(probabilities: npt.NDArray[Any], target: npt.NDArray[Any]) -> Scores:
    """Scores of probabilities [N, K] for class numbers [N]."""
    wide = probabilities.astype(np.float64)
    # A probability that rounded to 0 would make the mean infinite whatever the other rows say.
    given = np.clip(wide[np.arange(len(target)), target], np.finfo(np.float32).eps, 1.0)
    return {"accuracy": accuracy(wide.argmax(axis=1), target), "log_loss": float(-np.mean(np.log(given)))}


def accuracy(predicted: npt.NDArray[Any], target: npt.NDArray[Any]) -> float:
    """The share of right class numbers."""
    return float(np.mean(predicted == target))


def better(task: Task, one: Scores, other: Scores) -> bool:
    """Whether the first is strictly better in the primary score."""
    name = PRIMARY[task]
    return one[name] > other[name] if name in MORE_IS_BETTER else one[name] < other[name]
