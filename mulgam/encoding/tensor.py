"""Rows of a model's own tensors: lists nested as deeply as the shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mulgam.encoding.largest import LARGEST
from mulgam.encoding.rows import place, wrong
from mulgam.errors import InputError
from mulgam.signature import Feature
from mulgam.tensors import DTYPES
from mulgam.wording import kind

_TYPES = {"f": frozenset({int, float}), "b": frozenset({bool})}
_INTEGERS = frozenset({int})


def tensor(feature: Feature, value: object, row: int) -> npt.NDArray[Any]:
    """One row of a tensor.

    Raises:
        InputError: WRONG_SHAPE, WRONG_TYPE or OUT_OF_RANGE, in that row.
    """
    assert feature.datatype is not None  # a tensor has both
    assert feature.shape is not None
    flat = _flat(value, feature.shape, place(feature, row))
    dtype = DTYPES[feature.datatype]
    known = _TYPES.get(dtype.kind, _INTEGERS)
    for element in flat:
        if type(element) not in known:
            raise wrong("WRONG_TYPE", feature, row, f": {kind(element)} is not {feature.datatype}.")
    try:
        array: npt.NDArray[Any] | None = np.array(flat, dtype=np.float64 if dtype.kind == "f" else dtype)
    except OverflowError:
        array = None
    if array is None or (dtype.kind == "f" and not (np.abs(array) <= LARGEST[feature.datatype]).all()):
        raise wrong("OUT_OF_RANGE", feature, row, f" holds a number that is no {feature.datatype}.")
    return array.astype(dtype).reshape(feature.shape)


def _flat(value: object, shape: tuple[int, ...], where: str) -> list[Any]:
    """The elements of a list nested as deeply as the shape, row-major; raises InputError WRONG_SHAPE."""
    level: list[Any] = [value]
    for size in shape:
        for part in level:
            if not isinstance(part, list) or len(part) != size:
                raise InputError("WRONG_SHAPE", f"{where} must be a list of the shape {list(shape)}.", field=where)
        level = [element for part in level for element in part]
    return level
