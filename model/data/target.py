"""The target column: quantities, or classes by number and name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data import cells
from model.data.separated import Sheet
from model.errors import DataError
from mulgam.encoding import shown
from mulgam.signature import Task

MOST_CLASSES_OF_NUMBERS = 10


def read(sheet: Sheet, column: str, task: Task | None) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """The target's values, and its classes where it has some.

    Raises:
        DataError: a value is missing or of the wrong kind, or nothing can be learnt from them.
    """
    values = sheet.columns[column]
    for row, value in enumerate(values):
        if cells.is_missing(value):
            raise DataError(f"{sheet.place(row)}: the target {shown(column)} is missing; remove the row or fill it in.")
    parsed = [cells.number(value) for value in values]
    numbers = None not in parsed
    if task is None:
        task = "regression" if numbers and len(set(parsed)) > MOST_CLASSES_OF_NUMBERS else "classification"
    if task == "classification":
        return classified([_tidy(number) for number in parsed] if numbers else values, column, sheet.name)
    if not numbers:
        row = parsed.index(None)
        raise DataError(
            f"{sheet.place(row, column)}: {shown(values[row])} is not a number that a 32-bit float can hold."
        )
    target = np.array(parsed, dtype=np.float64)
    if target.min() == target.max():
        raise DataError(
            f"{sheet.name}: the target {shown(column)} is {target[0]:g} in every row; nothing can be learnt."
        )
    return target, ()


def classified(values: Sequence[str], column: str, name: str) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Class numbers and class names (numbers in numeric order, else alphabetical) of a target.

    Raises:
        DataError: there is one class only, or nearly every row has its own.
    """
    distinct = set(values)
    if len(distinct) < 2:
        raise DataError(f"{name}: the target {shown(column)} has one class only, {shown(values[0])}; two are needed.")
    if len(distinct) * 2 > len(values):
        raise DataError(
            f"{name}: the target {shown(column)} has {len(distinct)} different values in {len(values)} rows;"
            ' a class needs several rows; set [data] task = "regression" if it is a quantity.'
        )
    classes = sorted(distinct, key=_class_order)
    numbers = {label: number for number, label in enumerate(classes)}
    return np.array([numbers[value] for value in values], dtype=np.int64), tuple(classes)


def _tidy(number: float | None) -> str:
    """1 and 1.0 are one class."""
    value = number or 0.0
    return str(int(value)) if value.is_integer() else repr(value)


def _class_order(label: str) -> tuple[float, str]:
    number = cells.number(label)
    return (math.inf if number is None or math.isnan(number) else number, label)
