"""Columns of Arrow as what a row holds: values for a model, by its features, or text for CSV.

What training takes for missing in a Parquet file is missing here: nulls, NaN, empty strings.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mulgam.encoding.categories import BOOLEANS, tidy
from mulgam.errors import InputError
from mulgam.signature import Feature
from mulgam.wording import shown
from service.bulk import arrow
from service.bulk.cells import cell_parser, check_missing

# pyarrow has no types of its own: an array and a data type.
Column: TypeAlias = Any
Type: TypeAlias = Any
_MEANT = {"number": "numbers", "category": "words", "boolean": "true and false", "text": "texts"}


def plain_type(held: Type) -> Type:
    """A dictionary's words instead of the dictionary, any other type as it is."""
    return held.value_type if arrow.load().types.is_dictionary(held) else held


def plain(column: Column) -> Column:
    """The column in its `plain_type`."""
    return column.dictionary_decode() if arrow.load().types.is_dictionary(column.type) else column


def column_parser(feature: Feature, held: Type) -> Callable[[Column], list[Any]]:
    """From a plain column to a feature's values, None where one is missing; that raises InputError at a wrong one.

    Numbers are taken from integers, floats and decimals; true and false from booleans; words and texts from
    strings, and from numbers and booleans as training spells them. Strings are read as the cells of CSV.

    Raises:
        InputError: WRONG_TYPE; a column of this type does not hold the feature.
    """
    types = arrow.load().types
    is_number = types.is_integer(held) or types.is_floating(held) or types.is_decimal(held) or types.is_null(held)
    spelt = _spelling(held, is_number, feature)
    if is_number and feature.type == "number":
        return functools.partial(_numbers, feature)
    if types.is_boolean(held) and feature.type == "boolean":
        return functools.partial(_booleans, feature)
    is_word = feature.type in ("category", "text")
    if spelt is None or not (is_word or _is_string(held) or types.is_null(held)):
        raise InputError(
            "WRONG_TYPE",
            f"The column {shown(feature.name)} holds Parquet's {shown(str(held), 60)[1:-1]}; this model takes"
            f" {_MEANT[feature.type]} there.",
            "header",
        )
    parse = cell_parser(feature)
    return lambda column: parse(spelt(column))


def texts(column: Column) -> list[str]:
    """The column as cells of CSV: strings as they are, all else as Arrow writes it, a null as nothing."""
    strings = arrow.load().string()
    if not _is_string(column.type):
        column = column.cast(strings)
    try:
        return [value or "" for value in column.to_pylist()]
    except UnicodeDecodeError:
        values = column.cast(arrow.load().large_binary()).to_pylist()
        return [(value or b"").decode("utf-8", "replace") for value in values]


def has_texts(held: Type) -> bool:
    """Whether `texts` can write a plain column of this type."""
    pyarrow = arrow.load()
    if _is_string(held):
        return True
    if not (pyarrow.types.is_primitive(held) or pyarrow.types.is_decimal(held) or pyarrow.types.is_null(held)):
        return False
    try:
        pyarrow.nulls(0, held).cast(pyarrow.string())
    except pyarrow.ArrowNotImplementedError:
        return False
    return True


def _spelling(held: Type, is_number: bool, feature: Feature) -> Callable[[Column], list[str]] | None:
    """How a column becomes words; None where it has none."""
    if is_number:
        return _spelt_numbers
    if arrow.load().types.is_boolean(held):
        return lambda column: ["" if value is None else BOOLEANS[value] for value in column.to_pylist()]
    return functools.partial(_strings, feature) if _is_string(held) else None


def _is_string(held: Type) -> bool:
    types = arrow.load().types
    return bool(types.is_string(held) or types.is_large_string(held) or types.is_string_view(held))


def _floats(column: Column) -> npt.NDArray[np.float64]:
    """[N] numbers, NaN where there is none."""
    # Not "safe", which refuses whole numbers that float64 rounds.
    floats = column.cast(arrow.load().float64(), safe=False).fill_null(float("nan"))
    found: npt.NDArray[np.float64] = floats.to_numpy(zero_copy_only=False)
    return found


def _numbers(feature: Feature, column: Column) -> list[float | None]:
    floats = _floats(column)
    values: list[float | None] = floats.tolist()
    for place in np.flatnonzero(np.isnan(floats)).tolist():
        check_missing(feature)
        values[place] = None
    return values


def _booleans(feature: Feature, column: Column) -> list[bool | None]:
    if column.null_count:
        check_missing(feature)
    values: list[bool | None] = column.to_pylist()
    return values


def _spelt_numbers(column: Column) -> list[str]:
    return ["" if value != value else tidy(value) for value in _floats(column).tolist()]


def _strings(feature: Feature, column: Column) -> list[str]:
    try:
        return [value or "" for value in column.to_pylist()]
    except UnicodeDecodeError as problem:
        raise InputError("BAD_UTF8", f"{feature.name} is not UTF-8.") from problem
