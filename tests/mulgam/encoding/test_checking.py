"""Tensors that a caller has encoded: what no graph may meet is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mulgam.encoding.checking import check_tensors
from mulgam.errors import InputError
from mulgam.tensors import Arrays
from tests.mulgam.encoding.models import (
    MIXED,
)


def tensors(**changed: Any) -> Arrays:
    """Good tensors for MIXED, some of them changed; None leaves one out."""
    good = {
        "numeric": np.array([[1, 2], [3, 4]], np.float32),
        "categories": np.array([[0, 1], [4, 3]], np.int64),
        "text": np.array([[0, 0, 0, 0], [0x10FFFF, 65, 0, 0]], np.int32),
        **changed,
    }
    return {name: array for name, array in good.items() if array is not None}


TENSORS_REFUSED: dict[str, tuple[Arrays, str, str | None]] = {
    "one more": (tensors(extra=np.zeros((2, 1), np.float32)), "UNKNOWN_FIELD", None),
    "one less": (tensors(text=None), "MISSING_FIELD", "text"),
    "float64": (tensors(numeric=np.zeros((2, 2))), "WRONG_TYPE", "numeric"),
    "one dimension": (tensors(numeric=np.zeros(2, np.float32)), "WRONG_SHAPE", "numeric"),
    "three dimensions": (tensors(numeric=np.zeros((2, 2, 1), np.float32)), "WRONG_SHAPE", "numeric"),
    "another width": (tensors(categories=np.zeros((2, 3), np.int64)), "WRONG_SHAPE", "categories"),
    "no rows": (tensors(numeric=np.zeros((0, 2), np.float32)), "WRONG_SHAPE", "numeric"),
    "another number of rows": (tensors(text=np.zeros((3, 4), np.int32)), "RAGGED", "text"),
    "infinity": (tensors(numeric=np.array([[1, 2], [3, np.inf]], np.float32)), "NON_FINITE", "numeric"),
    "a value that may not be missing": (tensors(numeric=np.array([[1, 2], [3, np.nan]], np.float32)), "NON_FINITE",
                                        "numeric"),
    "an id below 0": (tensors(categories=np.array([[0, 0], [-1, 0]])), "OUT_OF_RANGE", "categories"),
    "an id past the vocabulary": (tensors(categories=np.array([[5, 0], [0, 0]])), "OUT_OF_RANGE", "categories"),
    "an id past true": (tensors(categories=np.array([[0, 4], [0, 0]])), "OUT_OF_RANGE", "categories"),
    "a code point below 0": (tensors(text=np.full((2, 4), -1, np.int32)), "OUT_OF_RANGE", "text"),
    "a code point past Unicode": (tensors(text=np.full((2, 4), 0x110000, np.int32)), "OUT_OF_RANGE", "text"),
}  # fmt: skip


@pytest.mark.parametrize("case", TENSORS_REFUSED)
def test_tensors_that_do_not_fit_are_refused(case: str) -> None:
    """Encoded by a client, tensors still may not name rows of an embedding that are not there."""
    sent, code, field = TENSORS_REFUSED[case]
    with pytest.raises(InputError) as raised:
        check_tensors(MIXED, sent)
    assert (raised.value.code, raised.value.field) == (code, field)


def test_good_tensors_are_counted() -> None:
    """NaN is a missing value where one may be missing."""
    assert check_tensors(MIXED, tensors()) == 2
    assert check_tensors(MIXED, tensors(numeric=np.array([[np.nan, 2], [3, 4]], np.float32))) == 2
