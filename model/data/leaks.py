"""Features that tell the target, exactly or almost: mostly they are made of it, and not known when it is asked for."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from model.data.table import Table
from mulgam.wording import shown

# Rows looked at, evenly spaced over the table.
_ROWS = 100_000
# Correlations from which a number tells a quantity; float32 takes away some of a copy's last digits.
_EXACT, _ALMOST = 1 - 1e-9, 0.9999
# A word, or a number that repeats like one, must occur so often before what goes with it counts as no chance.
_ROWS_OF_EACH = 5
# Of the rows that the most frequent class is wrong about, the share that values may be wrong about.
_WRONG = 0.01

How = Literal["exactly", "almost exactly"]
_Values = npt.NDArray[Any]


def warnings(table: Table) -> list[str]:
    """One sentence for each feature that tells the target."""
    rows = np.arange(0, len(table), max(1, len(table) // _ROWS))
    goal = table.target[rows]
    columns: list[tuple[str, _Values, npt.NDArray[np.bool_]]] = []
    for place, name in enumerate(table.numbers):
        values = table.numeric[rows, place]
        columns.append((name, values, ~np.isnan(values)))
    columns += [(column.name, column.codes[rows], column.codes[rows] >= 0) for column in table.words]
    found = []
    for name, values, known in columns:
        how = _tells(values[known], goal[known], len(table.classes), words=name not in table.numbers)
        if how is not None and known.mean() >= 0.5:
            found.append(f"{shown(name)} tells the target {how}; is it known before the target is?")
    return found


def _tells(values: _Values, goal: _Values, classes: int, *, words: bool) -> How | None:
    """How well values [N] tell quantities, or class numbers, [N]."""
    if len(values) < 2 or values.min() == values.max() or goal.min() == goal.max():
        return None
    distinct, codes = np.unique(values, return_inverse=True)
    if len(distinct) * _ROWS_OF_EACH <= len(values) and (how := _as_words(codes, goal, classes)):
        return how
    if words:
        return None
    return _in_order(codes, goal) if classes else _as_numbers(values.astype(np.float64), goal)


def _as_words(codes: npt.NDArray[np.int64], goal: _Values, classes: int) -> How | None:
    """Whether each value goes with one class, or with one quantity."""
    meant, goals = np.unique(goal, return_inverse=True)
    pairs, counts = np.unique(codes * len(meant) + goals, return_counts=True)
    if len(pairs) == codes.max() + 1:
        return "exactly"
    if not classes:
        return None
    of_value = np.zeros(codes.max() + 1, dtype=np.int64)
    np.maximum.at(of_value, pairs // len(meant), counts)
    wrong, wrong_without = len(goal) - of_value.sum(), len(goal) - np.bincount(goals).max()
    return "almost exactly" if wrong <= _WRONG * wrong_without else None


def _in_order(codes: npt.NDArray[np.int64], goal: _Values) -> How | None:
    """Whether the classes do not mix in the order of the values, of which each class has several rows."""
    order = np.lexsort((goal, codes))
    mixed = (np.diff(codes[order]) == 0) & (np.diff(goal[order]) != 0)
    changes = np.count_nonzero(np.diff(goal[order]))
    _, counts = np.unique(goal, return_counts=True)
    return "exactly" if changes == len(counts) - 1 and not mixed.any() and counts.min() >= _ROWS_OF_EACH else None


def _as_numbers(values: npt.NDArray[np.float64], goal: _Values) -> How | None:
    """Whether a quantity is a multiple of the values, or rises (or falls) with them."""
    straight = _correlation(values, goal)
    if straight > _EXACT:
        return "exactly"
    return "almost exactly" if max(straight, _correlation(_ranks(values), _ranks(goal))) > _ALMOST else None


def _correlation(one: npt.NDArray[np.float64], other: _Values) -> float:
    return float(abs(np.corrcoef(one, other)[0, 1]))


def _ranks(values: _Values) -> npt.NDArray[np.float64]:
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks
