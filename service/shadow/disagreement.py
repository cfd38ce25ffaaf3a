"""How far the answers of two versions to the same request lie apart, and whether that counts as agreement."""

from __future__ import annotations

import numpy as np

from service.protocols.base import Output
from service.versions.served import Served

# Of max(|answer|, the target's deviation): two trainings of one recipe differ, and nobody would act on so little.
AGREEMENT = 0.01


def disagreement(served: Served, answer: Output, other: Served, theirs: Output) -> tuple[float, bool]:
    """Compare another version's answer with the one that was given.

    Classes are compared by their names, so that the versions may order them differently.

    Args:
        served: the version that answered.
        answer: float32 [N], [N, …] or, of a classifier, probabilities [N, K].
        other: the other version.
        theirs: its answer.

    Returns:
        The mean absolute difference as a share of the target's deviation, or the share of rows with another class;
        and whether they agree: each value within 1 % of max(|answer|, deviation) (or the version's own tolerance,
        where that is wider), or each row of the same class.

    Raises:
        ValueError: they answer different things.
    """
    classes, others = served.signature.target.classes, other.signature.target.classes
    if classes and others:
        if len(answer) != len(theirs):
            raise ValueError("another number of rows")
        same = np.array(classes)[answer.argmax(axis=1)] == np.array(others)[theirs.argmax(axis=1)]
        return float(1 - same.mean()), bool(same.all())
    if classes or others or answer.shape != theirs.shape:
        raise ValueError("another kind of answer")
    tolerance = served.tolerance
    given = answer.astype(np.float64)
    apart = np.abs(theirs.astype(np.float64) - given)
    allowed = max(AGREEMENT, tolerance.relative) * np.maximum(np.abs(given), tolerance.floor)
    return float(apart.mean() / (tolerance.floor or 1.0)), bool((apart <= allowed).all())
