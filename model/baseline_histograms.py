"""`baseline.json`: histograms of the training features and of the predictions on held-out rows, for drift.

A histogram has at most ten bins with about equally many training values each, bounded by quantiles; values
below the first or above the last edge belong to the outer bins.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from model.table import Floats, Table

FORMAT = 1
BINS = 10


def document(table: Table, train: npt.NDArray[np.int64], predicted: npt.NDArray[Any]) -> dict[str, Any]:
    """What `baseline.json` holds.

    Args:
        table: all rows.
        train: numbers of the training rows.
        predicted: answers on held-out rows, [N] or [N, K].
    """
    columns = table.numeric[train].T
    features = {name: histogram(values) for name, values in zip(table.features, columns, strict=True)}
    if not table.classes:
        return {"format": FORMAT, "features": features, "prediction": histogram(predicted.astype(np.float64))}
    counts = np.bincount(predicted.argmax(axis=1), minlength=len(table.classes)).tolist()
    return {"format": FORMAT, "features": features, "classes": dict(zip(table.classes, counts, strict=True))}


def histogram(values: Floats) -> dict[str, Any]:
    """Inner edges between bins, counts of the bins (one more than edges), and how many values are missing.

    A value equal to an edge counts below it.
    """
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.empty(0)
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return {"edges": edges.tolist(), "counts": counts.tolist(), "missing": int(np.isnan(values).sum())}
