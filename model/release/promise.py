"""The signature of a trained model: what is promised to callers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.data.table import Table
from model.networks.target_scale import spread
from model.recipe.sections import Recipe
from model.release.parity import RELATIVE, tolerances
from mulgam.signature import Feature, Signature, Target, Tolerance, graph_inputs, graph_outputs


def signature(recipe: Recipe, table: Table, described: tuple[Feature, ...], train: npt.NDArray[np.int64]) -> Signature:
    """The signature to publish.

    Args:
        recipe: name and description.
        table: all rows.
        described: its features, as `features` gives them.
        train: numbers of the training rows, whose target range is told.
    """
    target = _target(table, train)
    return Signature(
        recipe.name, table.task, described, target, graph_inputs(described), graph_outputs(target),
        _tolerances(recipe, table, train),
        description=recipe.description or table.description, synthetic=table.synthetic,
    )  # fmt: skip


def _tolerances(recipe: Recipe, table: Table, train: npt.NDArray[np.int64]) -> dict[str, dict[str, Tolerance]]:
    """Within those of the gate; a difference in an exponent becomes one of the whole answer, times its deviation."""
    variants = recipe.release.variants
    if table.classes:
        return tolerances(1.0, variants=variants)
    target, transform = table.target[train], recipe.training.target_transform
    magnified = 1.0 if transform == "none" else max(spread(target, transform), 1.0)
    return tolerances(spread(target), RELATIVE * magnified, variants)


def _target(table: Table, train: npt.NDArray[np.int64]) -> Target:
    if table.classes:
        return Target(table.target_name, classes=table.classes)
    values = table.target[train]
    unit = table.units.get(table.target_name)
    return Target(table.target_name, unit, float(values.min()), float(values.max()))
