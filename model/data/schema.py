"""The schema of a file: which type each column has, and which columns say nothing that can be learnt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from model.data import cells
from model.data.separated import Sheet
from model.errors import DataError
from mulgam.encoding import shown
from mulgam.signature import FeatureType

# From this share of different words on, a column names its rows instead of describing them.
_ID_SHARE = 0.95
_ID_NAME = re.compile(r"(.*[_ -])?(id|ids|uuid|guid|index|idx)|.*[a-z]Id|unnamed: \d+", re.IGNORECASE)


@dataclass(frozen=True)
class Schema:
    """Name -> type of the columns to learn from, in the file's order, and name -> reason of those left out."""

    types: dict[str, FeatureType]
    left_out: dict[str, str]


def infer(sheet: Sheet, target: str, ignore: Sequence[str], types: Mapping[str, FeatureType]) -> Schema:
    """Decide what each column is.

    Args:
        sheet: the cells.
        target: the column that is no feature.
        ignore: columns that the recipe leaves out.
        types: what the recipe says of some columns; these are always kept.

    Raises:
        DataError: no column is left, or several are said to be texts.
    """
    found: dict[str, FeatureType] = {}
    left_out: dict[str, str] = {}
    for name, values in sheet.columns.items():
        if name == target or name in ignore:
            continue
        known = [value for value in values if not cells.is_missing(value)]
        if name in types:
            if not known:
                raise DataError(f"{sheet.name}: column {shown(name)} holds no value at all; put it in [data] ignore.")
            found[name] = types[name]
            continue
        kind = column_type(known)
        reason = _idle(name, known, len(values), kind)
        if reason:
            left_out[name] = reason
        else:
            found[name] = kind
    _keep_one_text(sheet, found, left_out, types)
    if not found:
        reasons = "".join(f"; {shown(name)}: {reason}" for name, reason in left_out.items())
        hint = f'; [data] types = {{{next(iter(left_out))} = "…"}} keeps one.' if left_out else "."
        raise DataError(f"{sheet.name} has no column left to predict {shown(target)} from{reasons}{hint}")
    return Schema(found, left_out)


def column_type(known: Sequence[str]) -> FeatureType:
    """The type of a column by its cells that are not missing.

    A column of which at most half are no numbers counts as numbers: the others are taken for mistakes, which are
    named when it is read. Words are a text where they are sentences that seldom repeat, else categories.
    """
    if known and all(len(value) <= 5 and value.lower() in cells.BOOLEAN for value in known):
        return "boolean"
    if sum(cells.number(value) is None for value in known) * 2 <= len(known):
        return "number"
    words = sum(len(value.split()) for value in known) / len(known)
    characters = sum(map(len, known)) / len(known)
    sentences = words >= 3 or (words >= 1.5 and characters >= 24)
    return "text" if sentences and len(set(known)) >= max(10, 0.2 * len(known)) else "category"


def _idle(name: str, known: Sequence[str], rows: int, kind: FeatureType) -> str | None:
    """Why a column is left out, if it is."""
    if not known:
        return "no value in any row"
    distinct = set(known)
    if len(distinct) == 1 and len(known) == rows:
        return f"{shown(known[0])} in every row"
    if kind == "category" and len(distinct) > _ID_SHARE * len(known):
        return f"nearly every row has a word of its own ({len(distinct)} in {len(known)}), as names and keys have"
    if kind == "number" and len(distinct) == len(known) == rows and _counts(known, bool(_ID_NAME.fullmatch(name))):
        return "it numbers the rows"
    return None


def _counts(known: Sequence[str], named: bool) -> bool:
    """Whether whole numbers run 0, 1, 2 … or 1, 2, 3 …; under a name like `id` any whole numbers do."""
    numbers = [cells.number(value) for value in known]
    if any(number is None or not number.is_integer() for number in numbers):
        return False
    return named or (numbers[0] in (0, 1) and numbers == [(numbers[0] or 0) + row for row in range(len(numbers))])


def _keep_one_text(
    sheet: Sheet, found: dict[str, FeatureType], left_out: dict[str, str], types: Mapping[str, FeatureType]
) -> None:
    """A model reads one text at most: the one that the recipe names, else the longest."""
    texts = [name for name, kind in found.items() if kind == "text"]
    named = [name for name in texts if name in types]
    if len(named) > 1:
        raise DataError(f"{sheet.name}: {shown(named[0])} and {shown(named[1])} are both texts; a model reads one.")
    if len(texts) > 1:
        kept = named[0] if named else max(texts, key=lambda name: sum(map(len, sheet.columns[name])))
        for name in texts:
            if name != kept:
                del found[name]
                left_out[name] = f"a second text beside {shown(kept)}; a model reads one"
