"""A table of numbers with a target, read from CSV or TSV; every error names file, row, column and value."""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.errors import DataError
from mulgam.encoding import FLOAT32_MAX, shown
from mulgam.signature import Task

Floats = npt.NDArray[np.float64]

MISSING = frozenset({"", "na", "n/a", "nan", "null"})
MOST_CLASSES_OF_NUMBERS = 10
FEWEST_ROWS = 10


@dataclass(frozen=True)
class Table:
    """Features and target of every row.

    Attributes:
        features: names of the columns of `numeric`.
        numeric: [N, F]; NaN where a value is missing.
        target_name: what is predicted.
        target: [N] quantities, or class numbers 0 … K - 1 as int64.
        classes: the K class names in order; empty for regression.
        sha256: of the data as read or generated.
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
    units: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    synthetic: bool = False
    one_scale: bool = False
    noise_free: Floats | None = None

    @property
    def task(self) -> Task:
        """What the target asks for."""
        return "classification" if self.classes else "regression"

    def __len__(self) -> int:
        return len(self.numeric)


def read(path: Path, target: str, *, ignore: Sequence[str] = (), separator: str | None = None,
         task: Task | None = None) -> Table:  # fmt: skip
    """Read a table.

    Args:
        path: a text file in UTF-8 with a header line.
        target: the column to predict.
        ignore: columns to leave out.
        separator: between values; None: a tab for `.tsv`, else a comma.
        task: None: classification where the target is text or has at most 10 different values.

    Raises:
        DataError: the file can't be read or learnt from.
    """
    content = _content(path)
    separator = separator or ("\t" if path.suffix.lower() == ".tsv" else ",")
    lines = _lines(_decoded(content, path.name), separator, path.name)
    header = _header(lines, path.name, separator)
    _check_known((target,), header, f"{path.name} has no column {shown(target)} to predict")
    _check_known(ignore, header, f"{path.name} has no column {{}} to ignore")
    features = [name for name in header if name != target and name not in set(ignore)]
    if not features:
        raise DataError(f"{path.name} has no column left to predict {shown(target)} from.")
    columns, numbers = _columns(lines, header, path.name)
    numeric = np.column_stack([_numbers(columns[name], name, numbers, path.name) for name in features])
    values, classes = _target(columns[target], target, numbers, path.name, task)
    return Table(tuple(features), numeric, target, values, classes, hashlib.sha256(content).hexdigest())


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise DataError(f"{path} can't be read: {problem.strerror}.") from problem
    if not content.strip():
        raise DataError(f"{path.name} is empty; expected a header line and rows.")
    return content


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content[: problem.start].count(b"\n") + 1
        raise DataError(f"{name}, line {line} is not text in UTF-8; save the file as UTF-8.") from problem


@dataclass(frozen=True)
class _Line:
    number: int
    values: list[str]


def _lines(text: str, separator: str, name: str) -> list[_Line]:
    """All lines that hold something, with their numbers in the file."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines = []
    try:
        for values in reader:
            stripped = [value.strip() for value in values]
            if any(stripped) or len(stripped) > 1:
                lines.append(_Line(reader.line_num, stripped))
    except csv.Error as problem:
        raise DataError(f"{name}, line {reader.line_num} can't be read as separated values: {problem}.") from problem
    return lines


def _header(lines: list[_Line], name: str, separator: str) -> list[str]:
    if not lines:
        raise DataError(f"{name} is empty; expected a header line and rows.")
    header = lines[0].values
    for position, column in enumerate(header, start=1):
        if not column:
            raise DataError(f"{name}: column {position} has no name in the header.")
        if header.index(column) != position - 1:
            raise DataError(f"{name}: the header names {shown(column)} twice; column names must differ.")
    if len(header) == 1:
        raise DataError(
            f"{name}: the header {shown(header[0])} has only one column when split at {separator!r};"
            " set [data] separator if the file uses another one."
        )
    rows = len(lines) - 1
    if rows < FEWEST_ROWS:
        found = f"{rows} row" if rows == 1 else f"{rows or 'no'} rows"
        raise DataError(f"{name} has a header and {found}; at least {FEWEST_ROWS} are needed.")
    return header


def _check_known(wanted: Iterable[str], header: list[str], sentence: str) -> None:
    for column in wanted:
        if column not in header:
            near = difflib.get_close_matches(column, header, n=1)
            known = ", ".join(header[:8]) + (", …" if len(header) > 8 else "")
            hint = f"did you mean {near[0]!r}?" if near else f"it has {known}."
            raise DataError(f"{sentence.format(shown(column))}; {hint}")


def _columns(lines: list[_Line], header: list[str], name: str) -> tuple[dict[str, list[str]], list[int]]:
    """Values of each column, and the line number of each row."""
    for row, line in enumerate(lines[1:], start=1):
        if len(line.values) != len(header):
            raise DataError(
                f"{name}, row {row} (line {line.number}) has {len(line.values)} values; the header has {len(header)}."
            )
    values = zip(*(line.values for line in lines[1:]), strict=True)
    return dict(zip(header, map(list, values), strict=True)), [line.number for line in lines[1:]]


def _numbers(values: list[str], column: str, lines: list[int], name: str) -> Floats:
    """A column as numbers, NaN where missing."""
    parsed = [_number(value) for value in values]
    if None in parsed:
        raise _not_a_number(values, parsed, column, lines, name)
    numbers = np.array(parsed, dtype=np.float64)
    if np.isnan(numbers).all():
        raise DataError(f"{name}: column {shown(column)} holds no value at all; put it in [data] ignore.")
    return numbers


def _number(value: str) -> float | None:
    """The number in a cell; NaN where it is missing, None where it is something else."""
    if value.lower() in MISSING:
        return math.nan
    # float() also takes 1_000 and other scripts' digits, which a table does not mean as numbers.
    if "_" in value or not value.isascii():
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) <= FLOAT32_MAX else None


def _not_a_number(values: list[str], parsed: list[float | None], column: str, lines: list[int], name: str) -> DataError:
    """One wrong cell among numbers is a mistake in the data; a column of words is text."""
    row = parsed.index(None)
    if sum(number is None for number in parsed) * 2 > len(parsed):
        return DataError(
            f"{name}: column {shown(column)} holds text (row {row + 1}: {shown(values[row])}), which this version"
            f" can't learn from; put it in [data] ignore."
        )
    return DataError(
        f"{name}, row {row + 1} (line {lines[row]}), column {shown(column)}: {shown(values[row])} is not a number"
        f" that a 32-bit float can hold."
    )


def _target(
    values: list[str], column: str, lines: list[int], name: str, task: Task | None
) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """The target's values, and its classes where it has some."""
    for row, value in enumerate(values):
        if value.lower() in MISSING:
            raise DataError(
                f"{name}, row {row + 1} (line {lines[row]}): the target {shown(column)} is missing;"
                " remove the row or fill it in."
            )
    parsed = [_number(value) for value in values]
    numbers = all(number is not None for number in parsed)
    if task is None:
        task = "regression" if numbers and len(set(parsed)) > MOST_CLASSES_OF_NUMBERS else "classification"
    if task == "classification":
        return classified([_tidy(number) for number in parsed] if numbers else values, column, name)
    if not numbers:
        raise _not_a_number(values, parsed, column, lines, name)
    target = np.array(parsed, dtype=np.float64)
    if target.min() == target.max():
        raise DataError(f"{name}: the target {shown(column)} is {target[0]:g} in every row; nothing can be learnt.")
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
    number = _number(label)
    return (math.inf if number is None or math.isnan(number) else number, label)
