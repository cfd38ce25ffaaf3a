"""Rows of a table as the graph's inputs: equal to what the signature's encoder makes of them when served."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.data.table import Table, Words
from mulgam.encoding.categories import BOOLEANS, FIRST_KNOWN, MISSING, UNSEEN
from mulgam.encoding.text import code_points
from mulgam.signature import CATEGORIES, NUMERIC, TEXT, Feature
from mulgam.tensors import Arrays


def encoded(table: Table, features: tuple[Feature, ...], rows: npt.NDArray[np.int64]) -> Arrays:
    """The inputs in the signature's order: `numeric`, `categories`, `text`, those that the table has."""
    described = {feature.name: feature for feature in features}
    arrays: Arrays = {}
    if table.numbers:
        arrays[NUMERIC] = np.asarray(table.numeric[rows], dtype=np.float32)
    if table.words:
        arrays[CATEGORIES] = np.column_stack(
            [_numbers(column, described[column.name])[column.codes[rows]] for column in table.words]
        )
    if table.text is not None:
        length = described[table.text.name].length or 0
        arrays[TEXT] = np.stack([code_points(table.text.values[row], length) for row in rows])
    return arrays


def vocabulary(feature: Feature) -> tuple[str, ...]:
    """The known words of a category or boolean."""
    return BOOLEANS if feature.type == "boolean" else feature.vocabulary


def size(feature: Feature) -> int:
    """How many numbers a category or boolean is encoded as, unseen and missing included."""
    return FIRST_KNOWN + len(vocabulary(feature))


def _numbers(column: Words, feature: Feature) -> npt.NDArray[np.int64]:
    """The number of each level in the feature's vocabulary; the last one, which -1 picks, is for a missing value."""
    places = {word: FIRST_KNOWN + place for place, word in enumerate(vocabulary(feature))}
    return np.array([*(places.get(level, UNSEEN) for level in column.levels), MISSING], dtype=np.int64)
