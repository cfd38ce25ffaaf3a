"""`baseline.json`: histograms of the training features and of the predictions on held-out rows, for drift.

A histogram of numbers has at most ten bins with about equally many training values each, bounded by quantiles; values
below the first or above the last edge belong to the outer bins. That of a category or boolean counts the numbers it is
encoded as: unseen, missing, then the vocabulary. That of a text is of its length in characters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.graph_inputs import encoded, size
from model.data.table import Floats, Table
from mulgam.signature import CATEGORIES, TEXT, Feature

FORMAT = 1
BINS = 10


def document(
    table: Table, features: tuple[Feature, ...], train: npt.NDArray[np.int64], predicted: npt.NDArray[Any]
) -> dict[str, Any]:
    """What `baseline.json` holds.

    Args:
        table: all rows.
        features: of the table, as the signature tells them.
        train: numbers of the training rows.
        predicted: answers on held-out rows, [N] or [N, K].
    """
    found = {
        name: histogram(table.numeric[train, column].astype(np.float64)) for column, name in enumerate(table.numbers)
    }
    # Numbers are read from the table: to encode them as well would copy all training rows once more.
    inputs = encoded(table, features, train) if table.words or table.text is not None else {}
    words = [feature for feature in features if feature.type in ("category", "boolean")]
    for column, feature in enumerate(words):
        counts = np.bincount(inputs[CATEGORIES][:, column], minlength=size(feature))
        found[feature.name] = {"counts": counts.tolist()}
    if table.text is not None:
        found[table.text.name] = histogram((inputs[TEXT] > 0).sum(axis=1).astype(np.float64))
    document: dict[str, Any] = {"format": FORMAT, "features": {name: found[name] for name in table.features}}
    if not table.classes:
        return {**document, "prediction": histogram(predicted.astype(np.float64))}
    counts = np.bincount(predicted.argmax(axis=1), minlength=len(table.classes)).tolist()
    return {**document, "classes": dict(zip(table.classes, counts, strict=True))}


def histogram(values: Floats) -> dict[str, Any]:
    """Inner edges between bins, counts of the bins (one more than edges), and how many values are missing.

    A value equal to an edge counts below it.
    """
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.empty(0)
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return {"edges": edges.tolist(), "counts": counts.tolist(), "missing": int(np.isnan(values).sum())}
