"""Tensors that a caller has encoded: checked, so that no graph meets what encoding would not give it."""

from __future__ import annotations

from mulgam.encoding.categories import check_ids
from mulgam.encoding.numbers import check_numbers
from mulgam.encoding.text import check_points
from mulgam.errors import InputError
from mulgam.signature import CATEGORIES, NUMERIC, TEXT, Signature, Tensor
from mulgam.tensors import DTYPES, Arrays
from mulgam.wording import listed, shown


def check_tensors(signature: Signature, tensors: Arrays) -> int:
    """Check encoded tensors against the signature: names, datatypes, shapes, finite numbers.

    Returns:
        The number of rows.

    Raises:
        InputError: with the code and the input it is about.
    """
    rows = _check_forms({tensor.name: tensor for tensor in signature.inputs}, tensors)
    if signature.tensors:
        return rows
    if NUMERIC in tensors:
        check_numbers(signature.numbers, NUMERIC, tensors[NUMERIC])
    if CATEGORIES in tensors:
        check_ids(signature.categories, CATEGORIES, tensors[CATEGORIES])
    if TEXT in tensors:
        check_points(TEXT, tensors[TEXT])
    return rows


def _check_forms(expected: dict[str, Tensor], tensors: Arrays) -> int:
    """Names, datatypes and shapes; the number of rows."""
    for name in tensors:
        if name not in expected:
            raise InputError("UNKNOWN_FIELD", f"There is no input {shown(name)}; the model takes {listed(expected)}.")
    rows: int | None = None
    for name, tensor in expected.items():
        if name not in tensors:
            raise InputError("MISSING_FIELD", f"The input {name!r} is missing.", field=name)
        array = tensors[name]
        if array.dtype != DTYPES[tensor.datatype]:
            raise InputError("WRONG_TYPE", f"The input {name!r} must be {tensor.datatype}.", field=name)
        if array.ndim == 0 or array.shape[1:] != tensor.shape[1:] or array.shape[0] == 0:
            expected_shape = ", ".join(["rows", *map(str, tensor.shape[1:])])
            raise InputError(
                "WRONG_SHAPE",
                f"The input {name!r} has the shape {list(array.shape)}; expected [{expected_shape}], at least one row.",
                field=name,
            )
        if rows not in (None, array.shape[0]):
            raise InputError("RAGGED", f"The input {name!r} has another number of rows than the others.", field=name)
        rows = array.shape[0]
    return rows or 0
