"""The bins of `baseline.json`, and the same bins filled with what is served. Format: docs/registry.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mulgam.encoding.categories import MISSING, UNSEEN
from mulgam.signature import CATEGORIES, NUMERIC, TEXT, Signature
from mulgam.tensors import Arrays

Counts = npt.NDArray[np.float64]
Values = npt.NDArray[Any]


class Histogram:
    """One feature's or the prediction's bins, as training filled them.

    Args:
        counts: of training, in the bins that `fill` uses.
        edges: between the bins of a quantity; none for what is a number of a word or class.
    """

    def __init__(self, counts: list[int], edges: list[float] | None = None) -> None:
        self.expected: Counts = np.array(counts, np.float64)
        self._edges = None if edges is None else np.array(edges, np.float64)

    def fill(self, values: Values) -> Counts:
        """[B] counts of these values; missing quantities are in no bin."""
        bins = len(self.expected)
        if self._edges is None:
            return np.bincount(np.clip(values, 0, bins - 1), minlength=bins).astype(np.float64)
        known = values[~np.isnan(values)]
        return np.bincount(np.searchsorted(self._edges, known, side="left"), minlength=bins).astype(np.float64)


class Column:
    """Where a feature stands in the encoded inputs, and what counts as missing, unseen and out of range there.

    Args:
        tensor: name of the graph input.
        position: of the feature's column in it.
        histogram: its bins.
        low: least value in training, of a number.
        high: greatest value in training, of a number.
    """

    def __init__(
        self, tensor: str, position: int, histogram: Histogram, low: float | None = None, high: float | None = None
    ) -> None:
        self.histogram = histogram
        self._tensor = tensor
        self._position = position
        self._low, self._high = low, high

    def values(self, inputs: Arrays) -> Values:
        """The feature's values in encoded rows; of a text its length."""
        if self._tensor == TEXT:
            return (inputs[TEXT] > 0).sum(axis=1)  # type: ignore[no-any-return]
        return inputs[self._tensor][:, self._position]

    def missing(self, values: Values) -> int:
        """How many are missing."""
        if self._tensor == CATEGORIES:
            return int((values == MISSING).sum())
        return int((values == 0).sum()) if self._tensor == TEXT else int(np.isnan(values).sum())

    def unseen(self, values: Values) -> int:
        """How many are words that training did not have."""
        return int((values == UNSEEN).sum()) if self._tensor == CATEGORIES else 0

    def out_of_range(self, values: Values) -> int:
        """How many numbers lie outside of what training had."""
        if self._low is None or self._high is None:
            return 0
        return int(((values < self._low) | (values > self._high)).sum())


def columns(signature: Signature, baseline: Mapping[str, Any]) -> dict[str, Column]:
    """The features that have a histogram, by name."""
    found: dict[str, Column] = {}
    known = baseline.get("features", {})
    for tensor, features in ((NUMERIC, signature.numbers), (CATEGORIES, signature.categories)):
        for position, feature in enumerate(features):
            if feature.name in known:
                found[feature.name] = Column(
                    tensor, position, _histogram(known[feature.name]), feature.minimum, feature.maximum
                )
    text = signature.text
    if text is not None and text.name in known:
        found[text.name] = Column(TEXT, 0, _histogram(known[text.name]))
    return found


def prediction(signature: Signature, baseline: Mapping[str, Any]) -> Histogram | None:
    """The bins of what is predicted: of a quantity, or one for each class."""
    if "classes" in baseline:
        return Histogram([baseline["classes"][label] for label in signature.target.classes])
    return _histogram(baseline["prediction"]) if "prediction" in baseline else None


def _histogram(document: Mapping[str, Any]) -> Histogram:
    return Histogram(document["counts"], document.get("edges"))
