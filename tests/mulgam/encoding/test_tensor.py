"""Tensors of a model's own, as lists of lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mulgam.encoding.checking import check_tensors
from mulgam.errors import InputError
from mulgam.signature import Feature
from tests.mulgam.encoding.models import (
    IMAGES,
    describe,
    encode,
)


def test_a_row_of_tensors_is_a_list_as_deep_as_each_shape() -> None:
    """By name or in order; one tensor alone may be sent bare."""
    arrays = encode(IMAGES, {"mask": True, "image": [[1, 2], [3, 4.5]]}, [[[0, 0], [0, 1]], False])
    assert {name: (array.dtype, array.shape) for name, array in arrays.items()} == {
        "image": (np.float32, (2, 2, 2)), "mask": (np.bool_, (2,)),
    }  # fmt: skip
    assert arrays["image"][0].tolist() == [[1, 2], [3, 4.5]]
    assert check_tensors(IMAGES, arrays) == 2
    tokens = describe(Feature("tokens", "tensor", missing=False, datatype="INT64", shape=(3,)))
    assert encode(tokens, [1, 2, 3], {"tokens": [4, 5, 6]})["tokens"].tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ([[1, 2], [3]], "WRONG_SHAPE"), ([1, 2, 3, 4], "WRONG_SHAPE"), ([[1, 2], [3, [4]]], "WRONG_TYPE"),
        (None, "WRONG_SHAPE"), ([[1, 2], [3, True]], "WRONG_TYPE"), ([[1, 2], [3, None]], "WRONG_TYPE"),
        ([[1, 2], [3, 1e39]], "OUT_OF_RANGE"), ([[1, 2], [3, 10**400]], "OUT_OF_RANGE"),
        ([[1, 2], [3, float("nan")]], "OUT_OF_RANGE"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_tensor_is_refused(image: Any, code: str) -> None:
    """Another shape, another type, a number that the datatype does not hold."""
    with pytest.raises(InputError) as raised:
        encode(IMAGES, [image, True])
    assert (raised.value.code, raised.value.field) == (code, "instances[0].image")


def test_a_tensor_of_another_shape_is_refused() -> None:
    """Sent as tensors, too; only the number of rows is free."""
    with pytest.raises(InputError, match=r"has the shape \[1, 4\]; expected \[rows, 2, 2\]"):
        check_tensors(IMAGES, {"image": np.zeros((1, 4), np.float32), "mask": np.zeros(1, np.bool_)})
