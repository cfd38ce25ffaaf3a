"""A V2 tensor whose elements are JSON: flat or nested, row-major, checked element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from mulgam import tensors as v2
from mulgam.encoding.largest import LARGEST
from mulgam.errors import InputError

_ALLOWED: dict[str, set[type]] = {"f": {int, float, type(None)}, "b": {bool}}


def array_of(item: dict[str, Any], where: str) -> tuple[str, npt.NDArray[Any]]:
    """Name and array of a described tensor with `data`; `null` in a floating-point tensor is NaN: missing.

    Raises:
        InputError: the description is wrong, or the data are not what it says.
    """
    name, datatype, shape, _ = v2.described_tensor(item, where)
    if (item.get("parameters") or {}).get("binary_data_size") is not None:
        raise InputError("WRONG_SIZE", f"{where} has both data and binary_data_size.", where)
    flat = _flat(item["data"], shape, where)
    count = math.prod(shape)
    if len(flat) != count:
        raise InputError("WRONG_SIZE", f"{where} has {len(flat)} elements for a shape of {count}.", where)
    if datatype == "BYTES":
        return name, _strings(flat, where).reshape(shape)
    return name, _numbers(flat, datatype, where).reshape(shape)


def _flat(data: Any, shape: list[int], where: str) -> list[Any]:
    """The elements in row-major order, of a flat list or of one nested as the shape."""
    if not isinstance(data, list):
        raise InputError("WRONG_TYPE", f"{where}: data must be a list.", where)
    flat: list[Any] = data
    if not flat or not isinstance(flat[0], list):
        return flat
    for size in shape[1:]:
        if not all(isinstance(row, list) and len(row) == size for row in flat):
            raise InputError("RAGGED", f"{where}: data is nested, but not as its shape says.", where)
        flat = [element for row in flat for element in row]
    return flat


def _numbers(flat: list[Any], datatype: str, where: str) -> npt.NDArray[Any]:
    dtype = v2.DTYPES[datatype]
    if not {type(element) for element in flat} <= _ALLOWED.get(dtype.kind, {int}):
        raise InputError("WRONG_TYPE", f"{where}: an element of data is not {datatype}.", where)
    try:
        if dtype.kind != "f":
            return np.array(flat, dtype=dtype)
        wide = np.array(flat, dtype=np.float64)
    except OverflowError as problem:
        raise InputError("OUT_OF_RANGE", f"{where}: an element of data does not fit {datatype}.", where) from problem
    if wide.size and np.nanmax(np.abs(wide), initial=0.0) > LARGEST[datatype]:
        raise InputError("OUT_OF_RANGE", f"{where}: an element of data does not fit {datatype}.", where)
    return wide.astype(dtype)


def _strings(flat: list[Any], where: str) -> npt.NDArray[Any]:
    if not all(isinstance(element, str) for element in flat):
        raise InputError("WRONG_TYPE", f"{where}: an element of data is not a string.", where)
    array = np.empty(len(flat), dtype=object)
    array[:] = flat
    return array
