"""From a sheet to a table: the target is read, each column typed, and nothing is kept twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data import cells, schema, target
from model.data.columns import NumberColumn, UnlearntColumn, WordColumn, as_words
from model.data.roles import Roles
from model.data.sheet import LONGEST_WORD, Sheet, check_words, key, no_number
from model.data.table import Table, Text, Words
from model.errors import DataError
from mulgam.encoding.categories import BOOLEANS
from mulgam.signature import FeatureType
from mulgam.wording import shown


def assemble(sheet: Sheet, roles: Roles) -> Table:
    """The table that a sheet makes; the sheet's columns of numbers are used up, lest they lie in memory twice.

    Raises:
        DataError: it can't be learnt from.
    """
    # The target first: where both are wrong, it is what a person looks at.
    values, classes = target.read(sheet, roles)
    found = schema.infer(sheet, roles)
    of_type = {kind: [name for name in found.types if found.types[name] == kind] for kind in found.types.values()}
    _check_units(sheet, roles, {**found.types, roles.target: "category" if classes else "number"})
    words = [
        _booleans(sheet, name) if found.types[name] == "boolean" else _categories(sheet, name)
        for name in found.types if found.types[name] in ("category", "boolean")
    ]  # fmt: skip
    return Table(
        tuple(found.types), _matrix(sheet, of_type.get("number", [])), roles.target, values, classes, sheet.sha256,
        words=tuple(words),
        text=next((_text(sheet, name) for name in of_type.get("text", [])), None),
        left_out=found.left_out,
        units=roles.units,
        description=sheet.description,
        one_scale=sheet.one_scale,
    )  # fmt: skip


def _check_units(sheet: Sheet, roles: Roles, types: Mapping[str, FeatureType]) -> None:
    for name in roles.units:
        if types.get(name, "number") != "number":
            what = "holds classes" if name == roles.target else f"is of type {types[name]}"
            raise DataError(f"{sheet.name}: column {shown(name)} {what}, which has no unit ([data] units).")


def _matrix(sheet: Sheet, names: list[str]) -> npt.NDArray[np.float32]:
    """Columns of numbers side by side."""
    matrix = np.empty((sheet.rows, len(names)), dtype=np.float32)
    for place, name in enumerate(names):
        matrix[:, place] = _numbers(sheet, name)
        del sheet.columns[name]
    return matrix


def _numbers(sheet: Sheet, name: str) -> npt.NDArray[np.floating[Any]]:
    """A column as numbers, NaN where missing."""
    column = _column(sheet, name)
    if isinstance(column, NumberColumn):
        return column.values
    parsed = [cells.number(level) for level in column.levels]
    # The last one, which -1 picks, is for a missing value.
    wrong = np.array([*(value is None for value in parsed), False])[column.codes]
    if wrong.any():
        row = int(wrong.argmax())
        raise no_number(sheet.place(row, name), column.levels[column.codes[row]], name)
    return np.array([*parsed, np.nan], dtype=np.float64)[column.codes]


def _categories(sheet: Sheet, name: str) -> Words:
    column = as_words(_column(sheet, name))
    rule = f'a category has at most {LONGEST_WORD:,}; say [data] types = {{{key(name)} = "text"}}, or ignore it'
    check_words(sheet, name, column, rule)
    return Words(name, "category", column.codes, column.levels)


def _booleans(sheet: Sheet, name: str) -> Words:
    column = as_words(_column(sheet, name))
    meant = [cells.ALSO_BOOLEAN.get(level.lower()) for level in column.levels]
    wrong = np.array([*(one is None for one in meant), False])[column.codes]
    if wrong.any():
        row = int(wrong.argmax())
        value = column.levels[column.codes[row]]
        raise DataError(f"{sheet.place(row, name)}: {shown(value)} is neither true nor false.")
    return Words(name, "boolean", np.array([*map(int, map(bool, meant)), -1], dtype=np.int32)[column.codes], BOOLEANS)


def _text(sheet: Sheet, name: str) -> Text:
    column = as_words(_column(sheet, name))
    levels = (*column.levels, "")
    return Text(name, tuple(levels[code] for code in column.codes.tolist()))


def _column(sheet: Sheet, name: str) -> NumberColumn | WordColumn:
    column = sheet.columns[name]
    assert not isinstance(column, UnlearntColumn)  # the schema leaves those out
    return column
