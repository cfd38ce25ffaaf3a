"""The schema of a sheet: which type each column has, and which columns say nothing that can be learnt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data import cells
from model.data.columns import NumberColumn, UnlearntColumn, WordColumn, as_words
from model.data.roles import Roles
from model.data.sheet import Sheet
from model.errors import DataError
from mulgam.signature import FeatureType
from mulgam.wording import shown

# From this share of different words on, a column names its rows instead of describing them.
_ID_SHARE = 0.95
_ID_NAME = re.compile(r"(.*[_ -])?(id|ids|uuid|guid|index|idx)|.*[a-z]Id|unnamed: \d+", re.IGNORECASE)


@dataclass(frozen=True)
class Schema:
    """Name -> type of the columns to learn from, in the sheet's order, and name -> reason of those left out."""

    types: dict[str, FeatureType]
    left_out: dict[str, str]


def infer(sheet: Sheet, roles: Roles) -> Schema:
    """Decide what each column is; those that the recipe gives a type are always kept.

    Raises:
        DataError: no column is left, or several are said to be texts.
    """
    found: dict[str, FeatureType] = {}
    left_out: dict[str, str] = {}
    for name, column in sheet.columns.items():
        if name == roles.target:
            continue
        if name in roles.types:
            _check_typed(sheet, name, roles.types[name])
            found[name] = roles.types[name]
        elif isinstance(column, UnlearntColumn):
            left_out[name] = column.reason
        elif (reason := _idle(name, column, sheet.rows)) and not sheet.one_scale:
            left_out[name] = reason
        else:
            found[name] = column_type(column)
    _keep_one_text(sheet, found, left_out, roles.types)
    if not found:
        reasons = "".join(f"; {shown(name)}: {reason}" for name, reason in left_out.items())
        hint = f'; [data] types = {{{next(iter(left_out))} = "…"}} keeps one.' if left_out else "."
        raise DataError(f"{sheet.name} has no column left to predict {shown(roles.target)} from{reasons}{hint}")
    return Schema(found, left_out)


def column_type(column: NumberColumn | WordColumn) -> FeatureType:
    """The type of a column by what its source says of it, else by its values.

    A column of words of which at most half are no numbers counts as numbers: the others are taken for mistakes, which
    are named when it is read. Words are a text where they are sentences that seldom repeat, else categories.
    """
    if isinstance(column, NumberColumn):
        return "number"
    if column.type is not None:
        return column.type
    levels, counts = column.levels, column.counts
    known = int(counts.sum())
    if levels and all(len(level) <= 5 and level.lower() in cells.BOOLEAN for level in levels):
        return "boolean"
    if _sum(counts, [cells.is_number(level) for level in levels]) * 2 >= known:
        return "number"
    return "text" if _are_sentences(column) else "category"


def _are_sentences(column: WordColumn) -> bool:
    levels, counts = column.levels, column.counts
    known = int(counts.sum())
    words = _sum(counts, [len(level.split()) for level in levels]) / known
    characters = _sum(counts, [len(level) for level in levels]) / known
    sentences = words >= 3 or (words >= 1.5 and characters >= 24)
    return sentences and len(levels) >= max(10, 0.2 * known)


def _sum(counts: npt.NDArray[np.int64], of_level: list[int] | list[bool]) -> int:
    """A sum over rows of what is told of each level."""
    return int(counts @ np.array(of_level, dtype=np.int64))


def _check_typed(sheet: Sheet, name: str, kind: FeatureType) -> None:
    column = sheet.columns[name]
    if isinstance(column, UnlearntColumn):
        raise DataError(f"{sheet.name}: column {shown(name)} can't be a {kind}: {column.reason}.")
    if column.missing == sheet.rows:
        raise DataError(f"{sheet.name}: column {shown(name)} holds no value at all; put it in [data] ignore.")


def _idle(name: str, column: NumberColumn | WordColumn, rows: int) -> str | None:
    """Why a column is left out, if it is."""
    if column.missing == rows:
        return "no value in any row"
    return _idle_numbers(name, column) if isinstance(column, NumberColumn) else _idle_words(column)


def _idle_numbers(name: str, column: NumberColumn) -> str | None:
    values = column.values
    if column.missing:
        return None
    if values.min() == values.max():
        return f"'{values[0]:.7g}' in every row"
    return "it numbers the rows" if _counts(values, bool(_ID_NAME.fullmatch(name))) else None


def _idle_words(column: WordColumn) -> str | None:
    distinct, known = len(column.levels), len(column.codes) - column.missing
    if distinct == 1 and not column.missing:
        return f"{shown(column.levels[0])} in every row"
    if column_type(column) == "category" and distinct > _ID_SHARE * known:
        if all(map(cells.is_date, column.levels)):
            return "dates, nearly every row one of its own; turn them into numbers (year, month, days since …)"
        return f"nearly every row has a word of its own ({distinct} in {known}), as names and keys have"
    return None


def _counts(values: npt.NDArray[np.floating[Any]], named: bool) -> bool:
    """Whether whole numbers run 0, 1, 2 … or 1, 2, 3 …; under a name like `id` any that never repeat do."""
    if (values % 1).any():
        return False
    if values[0] in (0, 1) and np.array_equal(values - values[0], np.arange(len(values))):
        return True
    return named and len(np.unique(values)) == len(values)


def _keep_one_text(
    sheet: Sheet, found: dict[str, FeatureType], left_out: dict[str, str], types: Mapping[str, FeatureType]
) -> None:
    """A model reads one text at most: the one that the recipe names, else the longest."""
    texts = [name for name, kind in found.items() if kind == "text"]
    named = [name for name in texts if name in types]
    if len(named) > 1:
        raise DataError(f"{sheet.name}: {shown(named[0])} and {shown(named[1])} are both texts; a model reads one.")
    if len(texts) > 1:
        kept = named[0] if named else max(texts, key=lambda name: _characters(sheet, name))
        for name in texts:
            if name != kept:
                del found[name]
                left_out[name] = f"a second text beside {shown(kept)}; a model reads one"


def _characters(sheet: Sheet, name: str) -> int:
    """The length of all cells of a column of words."""
    column = sheet.columns[name]
    assert isinstance(column, NumberColumn | WordColumn)  # it was found to be a text
    words = as_words(column)
    return _sum(words.counts, [len(level) for level in words.levels])
