"""Which rows train, which choose when to stop, and which are held out for the score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.data.table import Table
from model.errors import DataError
from model.recipe.sections import HALF

Rows = npt.NDArray[np.int64]

TEST_SHARE, VALIDATION_SHARE = 0.2, 0.1
# Rows of a class from which the random division holds one out: its first one lies within the first fifth.
FEWEST_HELD_OUT = 3


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts; together every row once."""

    train: Rows
    validation: Rows
    test: Rows


def split(table: Table, kind: str, seed: int) -> Split:
    """Divide the rows of a table.

    Args:
        table: at least ten rows.
        kind: `random`: 70 % train, 10 % validation, 20 % test, classes in proportion; rows with the same text stay
            together, or the score would be of texts learnt by heart. `half`: the first half of
            the rows trains (10 % of it, drawn, validates) and the second half tests, in the table's order, as in
            scikit-learn's example on the digits, where writers do not cross over.
        seed: of the draw.

    Raises:
        DataError: a class has no training row.
    """
    rng = np.random.default_rng(seed)
    if kind == HALF:
        middle = len(table) // 2
        order = _shuffled(table, np.arange(middle), rng)
        cut = max(1, round(VALIDATION_SHARE * middle))
        parts = Split(order[cut:], order[:cut], np.arange(middle, len(table)))
    else:
        first = _first_of_its_text(table)
        order = _shuffled(table, np.unique(first), rng)
        tests = round(TEST_SHARE * len(order))
        cut = tests + round(VALIDATION_SHARE * len(order))
        train, validation, test = (_with_copies(part, first) for part in (order[cut:], order[tests:cut], order[:tests]))
        parts = Split(train, validation, test)
    _check_classes(table, parts)
    return parts


def _first_of_its_text(table: Table) -> Rows:
    """For each row the first one with the same text; without texts, itself."""
    if table.text is None:
        return np.arange(len(table))
    firsts: dict[str, int] = {}
    return np.array([firsts.setdefault(text, row) for row, text in enumerate(table.text.values)])


def _with_copies(part: Rows, first: Rows) -> Rows:
    """The rows of a part in its order, and after them those that have the same text as one of them."""
    others = np.flatnonzero((first != np.arange(len(first))) & np.isin(first, part))
    return np.concatenate([part, others])


def _shuffled(table: Table, rows: Rows, rng: np.random.Generator) -> Rows:
    """The rows in random order such that any stretch holds the classes in about their proportions."""
    rows = rng.permutation(rows)
    if not table.classes:
        return rows
    labels = table.target[rows]
    place = np.empty(len(rows))
    for label in range(len(table.classes)):
        members = np.flatnonzero(labels == label)
        # Spread evenly over 0 … 1: a class with one row lands in the middle, that is in training.
        place[members] = (np.arange(len(members)) + 0.5) / max(len(members), 1)
    return rows[np.argsort(place, kind="stable")]


def _check_classes(table: Table, parts: Split) -> None:
    present = set(table.target[parts.train].tolist()) if table.classes else set()
    for number, label in enumerate(table.classes):
        if number not in present:
            raise DataError(f"The class {label!r} has no row in the training part; it needs more rows.")
