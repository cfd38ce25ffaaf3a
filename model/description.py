"""The signature of a trained model: what its table says about the values a caller may send."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.parity import tolerances
from model.recipe import Recipe
from model.table import Table
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs


def signature(recipe: Recipe, table: Table, train: npt.NDArray[np.int64]) -> Signature:
    """The signature to publish.

    A missing value is allowed in the features that had one in the table: of the others the model never learnt
    what a missing value means.

    Args:
        recipe: name and description.
        table: all rows.
        train: numbers of the training rows, whose ranges are told.
    """
    features = tuple(_feature(table, column, train) for column in range(len(table.features)))
    target = _target(table, train)
    floor = 1.0 if table.classes else float(np.std(table.target[train])) or 1.0
    return Signature(
        recipe.name, table.task, features, target, graph_inputs(features), graph_outputs(target), tolerances(floor),
        description=recipe.description or table.description, synthetic=table.synthetic,
    )  # fmt: skip


def _feature(table: Table, column: int, train: npt.NDArray[np.int64]) -> Feature:
    name = table.features[column]
    missing = bool(np.isnan(table.numeric[:, column]).any())
    known = table.numeric[train, column].astype(np.float32)
    known = known[~np.isnan(known)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (None, None)
    return Feature(name, "number", table.units.get(name), low, high, missing)


def _target(table: Table, train: npt.NDArray[np.int64]) -> Target:
    if table.classes:
        return Target(table.target_name, classes=table.classes)
    values = table.target[train]
    unit = table.units.get(table.target_name)
    return Target(table.target_name, unit, float(values.min()), float(values.max()))
