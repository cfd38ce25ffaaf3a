"""A table: numbers, categories, booleans and at most one text, with a target; read from CSV or TSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from model.data import cells, schema, separated, target
from model.data.separated import Sheet
from model.errors import DataError
from mulgam.encoding import BOOLEANS, shown
from mulgam.signature import FeatureType, Task

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Words:
    """A column of categories or booleans: [N] numbers into `levels` (all its words), -1 where missing."""

    name: str
    type: Literal["category", "boolean"]
    codes: npt.NDArray[np.int64]
    levels: tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """The column of texts, empty where missing."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Features and target of every row.

    Attributes:
        features: names of all features in the file's order.
        numeric: [N, F]; NaN where a value is missing. Its columns are `numbers`.
        target_name: what is predicted.
        target: [N] quantities, or class numbers 0 … K - 1 as int64.
        classes: the K class names in order; empty for regression.
        sha256: of the data as read or generated.
        words: the features that are categories or booleans.
        text: the feature that is a text, where there is one.
        left_out: name -> reason of columns that were not learnt from, though nobody asked for that.
        units: feature or target name -> unit, where known.
        description: one sentence on what the rows are.
        synthetic: whether the rows were generated.
        one_scale: whether all features are quantities of one kind, such as pixels, whose relative size matters.
        noise_free: [N] the generator's target without noise, where there is one.
    """

    features: tuple[str, ...]
    numeric: Floats
    target_name: str
    target: npt.NDArray[Any]
    classes: tuple[str, ...]
    sha256: str
    words: tuple[Words, ...] = ()
    text: Text | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    synthetic: bool = False
    one_scale: bool = False
    noise_free: Floats | None = None

    @property
    def task(self) -> Task:
        """What the target asks for."""
        return "classification" if self.classes else "regression"

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Names of the columns of `numeric`."""
        others = {column.name for column in self.words} | ({self.text.name} if self.text else set())
        return tuple(name for name in self.features if name not in others)

    def __len__(self) -> int:
        return len(self.target)


def read(
    path: Path, target_name: str, *, ignore: Sequence[str] = (), separator: str | None = None, task: Task | None = None,
    types: Mapping[str, FeatureType] | None = None, columns: Sequence[str] = (),
) -> Table:  # fmt: skip
    """Read a table.

    Args:
        path: a text file in UTF-8.
        target_name: the column to predict.
        ignore: columns to leave out.
        separator: between values; None: a tab for `.tsv`, else a comma.
        task: None: classification where the target is text or has at most 10 different values.
        types: of columns whose type is not to be inferred.
        columns: names of the columns of a file without a header line.

    Raises:
        DataError: the file can't be read or learnt from.
    """
    types = types or {}
    sheet = separated.read(path, separator, columns)
    sheet.check_known((target_name,), "to predict")
    sheet.check_known(ignore, "to ignore")
    sheet.check_known(types, "to give a type to")
    # The target first: where both are wrong, it is what a person looks at.
    values, classes = target.read(sheet, target_name, task)
    found = schema.infer(sheet, target_name, ignore, types)
    numbers = [_numbers(sheet, name) for name, kind in found.types.items() if kind == "number"]
    return Table(
        tuple(found.types),
        np.column_stack(numbers) if numbers else np.empty((len(values), 0)),
        target_name, values, classes, sheet.sha256,
        words=tuple(
            _booleans(sheet, name) if kind == "boolean" else _categories(sheet, name)
            for name, kind in found.types.items() if kind in ("category", "boolean")
        ),
        text=next((_text(sheet, name) for name, kind in found.types.items() if kind == "text"), None),
        left_out=found.left_out,
    )  # fmt: skip


def _numbers(sheet: Sheet, name: str) -> Floats:
    """A column as numbers, NaN where missing."""
    parsed = [cells.number(value) for value in sheet.columns[name]]
    if None in parsed:
        row = parsed.index(None)
        raise DataError(
            f"{sheet.place(row, name)}: {shown(sheet.columns[name][row])} is not a number that a 32-bit float can"
            f' hold; if the column holds words, say so: [data] types = {{{_key(name)} = "category"}}.'
        )
    return np.array(parsed, dtype=np.float64)


def _categories(sheet: Sheet, name: str) -> Words:
    values = sheet.columns[name]
    levels = sorted({value for value in values if not cells.is_missing(value)})
    codes = {level: code for code, level in enumerate(levels)}
    return Words(name, "category", np.array([codes.get(value, -1) for value in values]), tuple(levels))


def _booleans(sheet: Sheet, name: str) -> Words:
    codes = []
    for row, value in enumerate(sheet.columns[name]):
        code = -1 if cells.is_missing(value) else cells.ALSO_BOOLEAN.get(value.lower())
        if code is None:
            raise DataError(f"{sheet.place(row, name)}: {shown(value)} is neither true nor false.")
        codes.append(int(code))
    return Words(name, "boolean", np.array(codes), BOOLEANS)


def _text(sheet: Sheet, name: str) -> Text:
    return Text(name, tuple("" if cells.is_missing(value) else value for value in sheet.columns[name]))


def _key(name: str) -> str:
    """A column's name as a key of TOML."""
    return name if name.isascii() and name.replace("_", "").isalnum() else f'"{name[:40]}"'
