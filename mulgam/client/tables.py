"""What a caller has as rows: lists, columns, arrays, frames; each can be cut and written as instances or as tensors.

A missing value is None, NaN, pandas' NA or NaT, or a masked element; it travels as null.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mulgam.client import frames
from mulgam.client.errors import RequestError
from mulgam.signature import NUMERIC, Feature, Signature
from mulgam.tensors import DTYPES, Arrays

_MISSING_TYPES = ("NAType", "NaTType")


class Rows(Protocol):
    """Rows that can be sent."""

    has_columns: bool
    """Whether they may fit the model's tensors, so that its signature is worth asking for."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def cut(self, start: int, stop: int) -> Rows:
        """Some of them."""
        ...

    def instances(self, signature: Signature | None) -> list[Any]:
        """As the service's own JSON takes them; not yet free of what JSON has no value for."""
        ...

    def tensors(self, signature: Signature) -> Arrays | None:
        """As the model's input tensors; None where they must be read as instances."""
        ...


@dataclass(frozen=True)
class Listed:
    """One value for each row: an object, a list, or the bare text of a model of texts."""

    rows: Sequence[Any]
    has_columns = False

    def __len__(self) -> int:
        return len(self.rows)

    def cut(self, start: int, stop: int) -> Listed:
        """See `Rows`."""
        return Listed(self.rows[start:stop])

    def instances(self, signature: Signature | None) -> list[Any]:
        """See `Rows`."""
        return list(self.rows)

    def tensors(self, signature: Signature) -> Arrays | None:
        """See `Rows`."""
        return None


@dataclass(frozen=True)
class Array:
    """A numpy array [N, F], columns in the model's order; or [N, …] for a model of one tensor."""

    array: npt.NDArray[Any]
    has_columns = True

    def __len__(self) -> int:
        return len(self.array)

    def cut(self, start: int, stop: int) -> Array:
        """See `Rows`."""
        return Array(self.array[start:stop])

    def instances(self, signature: Signature | None) -> list[Any]:
        """See `Rows`."""
        return list(self.array.tolist())

    def tensors(self, signature: Signature) -> Arrays | None:
        """See `Rows`."""
        row = self.array.shape[1:]
        if len(signature.tensors) == 1 and row == signature.tensors[0].shape:
            return _all({signature.tensors[0].name: _tensor(self.array, signature.tensors[0])})
        if _is_numeric(signature) and row == (len(signature.numbers),):
            return _all({NUMERIC: _numbers(self.array, DTYPES["FP32"])})
        return None


@dataclass(frozen=True)
class Columns:
    """Columns by name, in any order; each as long as the others."""

    columns: Mapping[str, Any]
    has_columns = True

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def cut(self, start: int, stop: int) -> Columns:
        """See `Rows`."""
        return Columns({name: column[start:stop] for name, column in self.columns.items()})

    def instances(self, signature: Signature | None) -> list[Any]:
        """See `Rows`. By name, so that they are right whatever order the version that answers has."""
        categories = {feature.name for feature in signature.categories} if signature else set()
        values = [
            _whole(_listed(column)) if name in categories else _listed(column)
            for name, column in self.columns.items()
        ]  # fmt: skip
        names = list(self.columns)
        return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]

    def tensors(self, signature: Signature) -> Arrays | None:
        """See `Rows`."""
        if {feature.name for feature in signature.features} != set(self.columns):
            return None
        if signature.tensors:
            return _all({one.name: _tensor(np.asarray(self.columns[one.name]), one) for one in signature.tensors})
        if not _is_numeric(signature):
            return None
        columns = [_numbers(np.asarray(self.columns[one.name]), DTYPES["FP32"]) for one in signature.numbers]
        found = [column for column in columns if column is not None and column.ndim == 1]
        return {NUMERIC: np.stack(found, axis=1)} if len(found) == len(columns) else None


def read(given: Any) -> Rows:
    """Rows of any kind that is understood.

    Args:
        given: a list of rows (objects, lists, texts); a dict of columns, a pandas DataFrame or anything else with
            named columns; a numpy array [N, F], also masked or structured; a pandas Series of texts.

    Raises:
        RequestError: it is none of these, or its columns differ in length.
    """
    if frames.is_series(given):
        return Listed(given.tolist())
    if isinstance(given, np.ndarray):
        return _of_array(given)
    if isinstance(given, Mapping):
        return _columns(given, list(given))
    names = getattr(given, "column_names", None)  # pyarrow
    names = getattr(given, "columns", None) if names is None else names  # pandas, polars
    if names is not None:
        found = list(names)
        # A frame that was made of an array numbers its columns: their order is all that they say.
        if found and not any(isinstance(name, str) for name in found):
            return _of_array(np.asarray(given))
        return _columns(given, found)
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise RequestError(
            f"Rows must be a list of rows, a dict of columns, an array or a data frame, not {type(given).__name__}.",
            "WRONG_TYPE",
        )
    return Listed(given if isinstance(given, list) else list(given))


def plain(value: Any, where: str) -> Any:
    """A value as JSON has it; `where` is its place, for the error.

    Raises:
        RequestError: an infinity, or something that JSON has no value for, such as a date.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, np.generic | np.ndarray):
        # Once more: a masked element is None now, an object array holds what it held.
        return plain(value.tolist(), where)
    if isinstance(value, float | Decimal):
        if math.isinf(value):
            raise RequestError(f"{where} is an infinity; it must be a finite number.", "NON_FINITE", field=where)
        return None if math.isnan(value) else float(value)
    if type(value).__name__ in _MISSING_TYPES:
        return None
    if isinstance(value, Mapping):
        return {str(name): plain(one, f"{where}.{name}") for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one, f"{where}[{position}]") for position, one in enumerate(value)]
    kind = type(value).__name__
    raise RequestError(f"{where} is of the type {kind}, which JSON has no value for.", "WRONG_TYPE", field=where)


def _of_array(array: npt.NDArray[Any]) -> Rows:
    if array.dtype.names:
        return Columns({name: _filled(array[name]) for name in array.dtype.names})
    if array.ndim == 0:
        raise RequestError("Rows must be an array with a row for each prediction, not a single value.", "WRONG_SHAPE")
    return Listed(array.tolist()) if array.ndim == 1 else Array(_filled(array))


def _filled(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Masked numbers as NaN: whatever else looks at the array would see what lies below the mask."""
    if not isinstance(array, np.ma.MaskedArray):
        return array
    kind, missing = (np.float64, np.nan) if array.dtype.kind in "iuf" else (np.object_, None)
    return np.ma.filled(array.astype(kind), missing)


def _columns(owner: Any, names: list[Any]) -> Columns:
    columns = {}
    for name in names:
        column = owner[name]
        column = getattr(column, "array", column)  # a pandas column may be cut by labels, its values only by place
        if isinstance(column, str | bytes) or not hasattr(column, "__len__") or not hasattr(column, "__getitem__"):
            raise RequestError(
                f"A dict is read as a table by columns, and {name!r} is no list of values; one row is [{{…}}].",
                "WRONG_SHAPE", field=str(name),
            )  # fmt: skip
        columns[str(name)] = _filled(column) if isinstance(column, np.ndarray) else column
    if not columns:
        raise RequestError("The table has no columns.", "WRONG_SHAPE")
    if len(columns) != len(names):
        raise RequestError("The table names a column twice.", "DUPLICATE_KEY")
    lengths = {name: len(column) for name, column in columns.items()}
    first = next(iter(lengths))
    for name, length in lengths.items():
        if length != lengths[first]:
            raise RequestError(
                f"The columns differ in length: {first!r} has {lengths[first]} values, {name!r} {length}.", "RAGGED"
            )
    return Columns(columns)


def _listed(column: Any) -> list[Any]:
    """A column's values as Python's own where it can tell them."""
    for name in ("tolist", "to_list", "to_pylist"):  # numpy and pandas, polars, pyarrow
        if hasattr(column, name):
            return list(getattr(column, name)())
    return list(column)


def _whole(values: list[Any]) -> list[Any]:
    """Words that pandas made floats of, because one of them was missing, as the whole numbers that they were."""
    return [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]


def _is_numeric(signature: Signature) -> bool:
    return len(signature.numbers) == len(signature.features)


def _tensor(array: npt.NDArray[Any], feature: Feature) -> npt.NDArray[Any] | None:
    """A tensor's rows in its datatype; None where an element would not be what it is."""
    dtype = DTYPES[feature.datatype or ""]
    if array.shape[1:] != feature.shape:
        return None
    if dtype.kind == "f":
        return _numbers(array, dtype)
    return array.astype(dtype) if np.can_cast(array.dtype, dtype, "safe") else None


def _numbers(array: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any] | None:
    """Numbers as floats of `dtype`, rounded as the service rounds those in JSON; None for what is none or too large."""
    if array.dtype.kind not in "iuf":
        return None
    wide = array.astype(np.float64)
    return None if (np.abs(wide) > np.finfo(dtype).max).any() else wide.astype(dtype)


def _all(tensors: Mapping[str, npt.NDArray[Any] | None]) -> Arrays | None:
    found = {name: array for name, array in tensors.items() if array is not None}
    return found if len(found) == len(tensors) else None
