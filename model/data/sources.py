"""From a recipe to its table: a file, or one of the built-in sources."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from model.data import house_price, table
from model.data.table import Table
from model.recipe.sections import Data, Recipe


def rows(recipe: Recipe) -> Table:
    """The table that a recipe names; raises DataError where it can't be read or learnt from."""
    data = recipe.data
    if data.source is not None:
        return BUILT_IN[data.source]()
    return _file(data, recipe)


def digits() -> Table:
    """scikit-learn's digits: 1,797 real ones by 43 hands, 8 × 8 pixels of ink from 0 to 16.

    Source: UCI, Optical Recognition of Handwritten Digits (its test part), bundled with scikit-learn.
    """
    # Imported here: scikit-learn takes a second to load, which a recipe error should not wait for.
    from sklearn.datasets import load_digits

    bundle = load_digits()
    numeric, target = bundle.data.astype(np.float64), bundle.target.astype(np.int64)
    digest = hashlib.sha256(numeric.tobytes() + target.tobytes()).hexdigest()
    return Table(
        tuple(bundle.feature_names), numeric, "digit", target, tuple(str(name) for name in bundle.target_names), digest,
        description="scikit-learn's bundled digits: real handwriting, 8 × 8 pixels.", one_scale=True,
    )  # fmt: skip


BUILT_IN: dict[str, Callable[[], Table]] = {"mulgam:house-price": house_price.generate, "sklearn:digits": digits}


def _file(data: Data, recipe: Recipe) -> Table:
    assert data.path is not None  # the recipe's own check
    assert data.target is not None
    return table.read(
        recipe.folder / data.path, data.target, ignore=data.ignore, separator=data.separator, task=data.task,
        types=data.types, columns=data.columns,
    )  # fmt: skip
