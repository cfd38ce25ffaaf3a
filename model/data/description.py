"""What a table says about the values that a caller may send: ranges, vocabularies, lengths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.data.table import Table, Text, Words
from mulgam.signature import Feature

# Words of a column that get a number of their own; rarer ones count as unseen.
MOST_CATEGORIES = 10_000
# Code points of a text that are kept: enough for all but the longest 1 % of the training texts, within these bounds.
SHORTEST_TEXT, LONGEST_TEXT = 16, 512


def features(table: Table, train: npt.NDArray[np.int64]) -> tuple[Feature, ...]:
    """What is told of each feature: ranges, vocabularies and lengths of the training rows.

    A missing value is allowed in the features that had one in the table: of the others the model never learnt
    what a missing value means.

    Args:
        table: all rows.
        train: numbers of the training rows.
    """
    found = {name: _number(table, column, train) for column, name in enumerate(table.numbers)}
    found |= {column.name: _words(column, train) for column in table.words}
    if table.text is not None:
        found[table.text.name] = _text(table.text, train)
    return tuple(found[name] for name in table.features)


def _number(table: Table, column: int, train: npt.NDArray[np.int64]) -> Feature:
    name = table.numbers[column]
    missing = bool(np.isnan(table.numeric[:, column]).any())
    known = table.numeric[train, column].astype(np.float32)
    known = known[~np.isnan(known)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (None, None)
    return Feature(name, "number", table.units.get(name), low, high, missing)


def _words(column: Words, train: npt.NDArray[np.int64]) -> Feature:
    """The vocabulary holds the words of the training rows, the most frequent first."""
    missing = bool((column.codes < 0).any())
    if column.type == "boolean":
        return Feature(column.name, "boolean", missing=missing)
    codes = column.codes[train]
    counts = np.bincount(codes[codes >= 0], minlength=len(column.levels))
    by_frequency = np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
    vocabulary = tuple(column.levels[code] for code in by_frequency if counts[code])
    return Feature(column.name, "category", missing=missing, vocabulary=vocabulary)


def _text(column: Text, train: npt.NDArray[np.int64]) -> Feature:
    lengths = [len(column.values[row]) for row in train]
    length = int(np.clip(np.quantile(lengths, 0.99, method="higher"), SHORTEST_TEXT, LONGEST_TEXT))
    return Feature(column.name, "text", missing="" in column.values, length=length)
