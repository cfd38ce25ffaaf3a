"""A sheet: what a source holds, column by column, before anything is decided about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.columns import Column, WordColumn
from model.errors import DataError
from mulgam.encoding.largest import FLOAT32_MAX
from mulgam.wording import shown

FEWEST_ROWS = 10
# Names, categories and classes are published and shown: longer ones are a cell that went wrong, or a text.
LONGEST_NAME, LONGEST_WORD = 200, 1000


@dataclass(frozen=True)
class Sheet:
    """Columns of a source.

    Attributes:
        name: of the source, as errors call it.
        columns: name -> column, in the source's order, without those that the recipe ignores.
        rows: how many.
        sha256: of the source.
        line: row, from 0 -> its line in the file, where it has lines.
        description: one sentence on what the rows are.
        one_scale: whether all features are quantities of one kind, such as pixels; then all are kept.
    """

    name: str
    columns: dict[str, Column]
    rows: int
    sha256: str
    line: Callable[[int], int] | None = None
    description: str = ""
    one_scale: bool = False

    def place(self, row: int, column: str | None = None) -> str:
        """How an error names a row (from 0), or a cell of it."""
        return place(self.name, row, column, None if self.line is None else self.line(row))


def place(name: str, row: int, column: str | None = None, line: int | None = None) -> str:
    """How an error names a row (from 0) of a source, or a cell of it."""
    of_file = "" if line is None else f" (line {line})"
    cell = "" if column is None else f", column {shown(column)}"
    return f"{name}, row {row + 1}{of_file}{cell}"


def check_names(names: Sequence[str], where: str) -> None:
    """Raises DataError where a column has no name, the name of another, or one that is too long."""
    seen = set()
    for position, column in enumerate(names, start=1):
        if not column:
            raise DataError(f"{where}: column {position} has no name in the header.")
        if column in seen:
            raise DataError(f"{where}: the header names {shown(column)} twice; column names must differ.")
        seen.add(column)
        if len(column) > LONGEST_NAME:
            length = f"{len(column):,} characters; at most {LONGEST_NAME} are taken"
            raise DataError(f"{where}: the name of column {position} has {length}. Is the first line a header?")


def check_words(sheet: Sheet, name: str, column: WordColumn, rule: str) -> None:
    """Raises DataError, which ends with `rule`, where a word is longer than one that would be shown to anybody."""
    long = np.array([*(len(level) > LONGEST_WORD for level in column.levels), False])[column.codes]
    if long.any():
        row = int(long.argmax())
        characters = len(column.levels[column.codes[row]])
        raise DataError(f"{sheet.place(row, name)}: a word of {characters:,} characters; {rule}.")


def check_rows(rows: int, where: str, start: str = "has") -> None:
    """Raises DataError where there are too few rows; `start` begins what is said of them."""
    if rows < FEWEST_ROWS:
        found = f"{rows} row" if rows == 1 else f"{rows or 'no'} rows"
        raise DataError(f"{where} {start} {found}; at least {FEWEST_ROWS} are needed.")


def no_number(place: str, value: str, column: str) -> DataError:
    """What is said of a cell that should hold a number."""
    return DataError(
        f"{place}: {shown(value)} is not a number that a 32-bit float can hold; if the column holds words, say so:"
        f' [data] types = {{{key(column)} = "category"}}.'
    )


def beyond(values: npt.NDArray[np.floating[Any]]) -> int | None:
    """The first row whose number is infinite or too large for 32 bits."""
    found = np.abs(values) > FLOAT32_MAX
    return int(found.argmax()) if found.any() else None


def key(name: str) -> str:
    """A column's name as a key of TOML."""
    return name if name.isascii() and name.replace("_", "").isalnum() else f'"{name[:40]}"'
