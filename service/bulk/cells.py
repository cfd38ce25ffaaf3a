"""Cells of text as the values of a feature; an empty one is missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mulgam.errors import InputError
from mulgam.signature import Feature
from mulgam.wording import shown

# What Python reads as a number, and a table does not mean: 1_000, nan, inf, and (not ASCII) digits of other scripts.
_WORDY = re.compile("[_nN]")
_NO_NUMBER = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)


def cell_parser(feature: Feature) -> Callable[[list[str]], list[Any]]:
    """From a column's cells to values; raises InputError at the first that is none."""
    parse = {"number": _number, "category": _word, "boolean": _boolean, "text": _word}[feature.type]

    def column(cells: list[str]) -> list[Any]:
        if parse is _number and "" not in cells:
            text = "".join(cells)
            if text.isascii() and not _WORDY.search(text):
                try:
                    return list(map(float, cells))
                except ValueError:
                    pass
        return [parse(feature, cell) for cell in cells]

    return column


def _number(feature: Feature, cell: str) -> float | None:
    stripped = cell.strip()
    if not stripped:
        check_missing(feature)
        return None
    if _NO_NUMBER.fullmatch(stripped):
        missing = "; leave the cell empty for a missing value" if feature.missing else ""
        raise InputError("NON_FINITE", f"{feature.name} is {shown(cell)}, which is no finite number{missing}.")
    if stripped.isascii() and not _WORDY.search(stripped):
        try:
            return float(stripped)
        except ValueError:
            pass
    raise InputError("WRONG_TYPE", f"{feature.name} must be a number, not {shown(cell)}.")


def _boolean(feature: Feature, cell: str) -> bool | None:
    word = cell.strip().lower()
    if not word:
        check_missing(feature)
        return None
    if word not in ("true", "false"):
        raise InputError("WRONG_TYPE", f"{feature.name} must be true or false, not {shown(cell)}.")
    return word == "true"


def _word(feature: Feature, cell: str) -> str | None:
    if not cell:
        check_missing(feature)
    return cell or None


def check_missing(feature: Feature) -> None:
    """Raise InputError where the model needs a value."""
    if not feature.missing:
        raise InputError("WRONG_TYPE", f"{feature.name} is empty; this model needs a value there.")
