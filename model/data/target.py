"""The target column: quantities, or classes by number and name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data import cells
from model.data.columns import NumberColumn, UnlearntColumn, WordColumn, as_words
from model.data.roles import Roles
from model.data.sheet import LONGEST_WORD, Sheet, check_words
from model.errors import DataError
from mulgam.wording import shown

MOST_CLASSES_OF_NUMBERS = 10
# Beyond, each class has few rows, and an answer would be so many probabilities.
MOST_CLASSES = 1000


def read(sheet: Sheet, roles: Roles) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """The target's values [N], and its classes where it has some.

    Raises:
        DataError: a value is missing or of the wrong kind, or nothing can be learnt from them.
    """
    column, name, task = sheet.columns[roles.target], roles.target, roles.task
    if isinstance(column, UnlearntColumn):
        raise DataError(f"{sheet.name}: the target {shown(name)} can't be predicted: {column.reason}.")
    if column.missing:
        gaps = np.isnan(column.values) if isinstance(column, NumberColumn) else column.codes < 0
        row = sheet.place(int(gaps.argmax()))
        raise DataError(f"{row}: the target {shown(name)} is missing; remove the row or fill it in.")
    if task is None:
        task = "regression" if _are_quantities(column) else "classification"
    if task == "classification":
        return _classified(as_words(column), name, sheet)
    quantities = _quantities(sheet, column, name)
    if quantities.min() == quantities.max():
        raise DataError(
            f"{sheet.name}: the target {shown(name)} is {quantities[0]:g} in every row; nothing can be learnt."
        )
    return quantities, ()


def _are_quantities(column: NumberColumn | WordColumn) -> bool:
    """Whether a target is a quantity: more than ten different numbers, or many of which a few are mistyped."""
    if isinstance(column, NumberColumn):
        return len(np.unique(column.values)) > MOST_CLASSES_OF_NUMBERS
    numbers = sum(map(cells.is_number, column.levels))
    return numbers * 2 > len(column.levels) > len(column.codes) / 2


def _quantities(sheet: Sheet, column: NumberColumn | WordColumn, name: str) -> npt.NDArray[np.float64]:
    if isinstance(column, NumberColumn):
        return column.values.astype(np.float64, copy=False)
    parsed = [cells.number(level) for level in column.levels]
    wrong = np.array([value is None for value in parsed])
    if wrong.any():
        row = int(wrong[column.codes].argmax())
        value = column.levels[column.codes[row]]
        raise DataError(f"{sheet.place(row, name)}: {shown(value)} is not a number that a 32-bit float can hold.")
    return np.array(parsed, dtype=np.float64)[column.codes]


def _classified(column: WordColumn, name: str, sheet: Sheet) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Class numbers and class names: numbers in numeric order, else alphabetical.

    Raises:
        DataError: there is one class only, nearly every row has its own, there are too many, or one is too long.
    """
    levels, rows, where = column.levels, len(column.codes), sheet.name
    check_words(sheet, name, column, f"a class has at most {LONGEST_WORD:,}")
    if len(levels) < 2:
        raise DataError(f"{where}: the target {shown(name)} has one class only, {shown(levels[0])}; two are needed.")
    if len(levels) * 2 > rows:
        raise DataError(
            f"{where}: the target {shown(name)} has {len(levels)} different values in {rows} rows;"
            ' a class needs several rows; set [data] task = "regression" if it is a quantity.'
        )
    if len(levels) > MOST_CLASSES:
        raise DataError(
            f"{where}: the target {shown(name)} has {len(levels):,} classes; at most {MOST_CLASSES:,} can be learnt;"
            " put the rare ones together under one word."
        )
    order = sorted(range(len(levels)), key=lambda level: _class_order(levels[level]))
    numbers = np.empty(len(levels), dtype=np.int64)
    numbers[order] = np.arange(len(levels))
    return numbers[column.codes], tuple(levels[level] for level in order)


def _class_order(label: str) -> tuple[float, str]:
    number = cells.number(label)
    return (math.inf if number is None or math.isnan(number) else number, label)
