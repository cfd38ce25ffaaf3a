"""Permutation importance: how much worse held-out answers get when one feature's values are shuffled among the rows.

Breiman, "Random Forests", Machine Learning 45 (2001); Fisher, Rudin, Dominici, JMLR 20 (2019). Features that say the
same share their importance: each alone can be spared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.scores.evaluation import Scores
from mulgam.signature import CATEGORIES, NUMERIC, TEXT, Signature
from mulgam.tensors import Arrays

# How often a feature is shuffled; of so many features that this would take long, once.
REPEATS, MANY_FEATURES = 3, 100
# Rows at most, and answers at about most over all features: a wide table is asked about fewer rows. A small
# convolutional network takes a quarter of a millisecond for each.
MOST_ROWS, MOST_ANSWERS, FEWEST_ROWS = 2_000, 20_000, 50

Predict = Callable[[Arrays], npt.NDArray[Any]]
Score = Callable[[npt.NDArray[Any], npt.NDArray[Any]], Scores]


@dataclass(frozen=True)
class Importance:
    """By how much a score rises without one feature: mean and standard deviation over the repeats."""

    feature: str
    mean: float
    deviation: float


@dataclass(frozen=True)
class Ranking:
    """Importances in the signature's order.

    Attributes:
        score: the name of the score that rises, one of which less is better.
        rows: of how many held-out rows.
        repeats: how often each feature was shuffled.
        features: one for each feature.
    """

    score: str
    rows: int
    repeats: int
    features: tuple[Importance, ...]

    @property
    def ranked(self) -> list[Importance]:
        """The most important first."""
        return sorted(self.features, key=lambda one: -one.mean)


def rank(
    predict: Predict, signature: Signature, inputs: Arrays, target: npt.NDArray[Any], score: Score, name: str, seed: int
) -> Ranking:
    """Shuffle one feature after the other.

    Args:
        predict: graph inputs → answers.
        signature: names the features of the columns.
        inputs: of held-out rows, [N, …].
        target: of the same rows, [N].
        score: of (answers, target).
        name: the score that counts; less of it is better.
        seed: of the shuffles and of the choice of rows.
    """
    rng = np.random.default_rng(seed)
    repeats = REPEATS if len(signature.features) <= MANY_FEATURES else 1
    affordable = MOST_ANSWERS // (repeats * len(signature.features))
    count = min(len(target), MOST_ROWS, max(affordable, FEWEST_ROWS))
    rows = rng.permutation(len(target))[:count]
    inputs, target = {tensor: array[rows] for tensor, array in inputs.items()}, target[rows]
    before = score(predict(inputs), target)[name]
    found = []
    for feature, tensor, column in _columns(signature):
        rises = [score(predict(_shuffled(inputs, tensor, column, rng)), target)[name] - before for _ in range(repeats)]
        found.append(Importance(feature, float(np.mean(rises)), float(np.std(rises))))
    return Ranking(name, count, repeats, tuple(found))


def _columns(signature: Signature) -> list[tuple[str, str, int | None]]:
    """Of each feature: its name, its graph input, and its column there; a text is its whole input."""
    places: dict[str, tuple[str, int | None]] = {
        feature.name: (tensor, column)
        for tensor, features in ((NUMERIC, signature.numbers), (CATEGORIES, signature.categories))
        for column, feature in enumerate(features)
    }
    if signature.text is not None:
        places[signature.text.name] = (TEXT, None)
    return [(feature.name, *places[feature.name]) for feature in signature.features]


def _shuffled(inputs: Arrays, tensor: str, column: int | None, rng: np.random.Generator) -> Arrays:
    order = rng.permutation(len(inputs[tensor]))
    if column is None:
        return {**inputs, tensor: inputs[tensor][order]}
    changed = inputs[tensor].copy()
    changed[:, column] = changed[order, column]
    return {**inputs, tensor: changed}
