"""Numbers: what float32 holds, by the short way as by the long one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mulgam.encoding.encoder import Encoder
from mulgam.encoding.largest import LARGEST
from tests.mulgam.encoding.models import (
    AREA,
    NOTE,
    PLAIN,
    ROOMS,
    describe,
    encode,
    numbers,
    outcome,
)

MOST = float(np.finfo(np.float32).max)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_the_largest_number_is_the_last_that_rounds_to_a_finite_one(kind: type[np.floating[Any]]) -> None:
    """Float32's own largest, written as short as it is, is above it as float64."""
    largest = LARGEST[f"FP{np.dtype(kind).itemsize * 8}"]
    assert kind(largest) == np.finfo(kind).max
    with np.errstate(over="ignore"):
        assert np.isinf(kind(np.nextafter(largest, np.inf)))
    assert encode(PLAIN, [3.4028235e38, -3.4028235e38])["numeric"].tolist() == [[MOST, -MOST]]


def test_the_largest_float32_passes_and_2_to_the_70_too() -> None:
    """What float32 holds is a number."""
    arrays = encode(PLAIN, [MOST, 2**70], [-MOST, 5e-324])
    assert arrays["numeric"].tolist() == [[MOST, float(2**70)], [-MOST, 0.0]]


@given(st.lists(st.lists(numbers | st.none() | st.booleans(), min_size=2, max_size=2), min_size=1, max_size=3))
def test_the_fast_way_for_numbers_agrees_with_the_careful_one(rows: list[list[Any]]) -> None:
    """A model of numbers alone takes a short cut: with a text beside them the same numbers encode alike."""
    beside = describe(AREA, ROOMS, NOTE)
    careful = outcome(Encoder(beside), [[*row, ""] for row in rows])
    fast = outcome(Encoder(PLAIN), rows)
    if isinstance(careful, tuple) or isinstance(fast, tuple):
        assert careful == fast
    else:
        np.testing.assert_array_equal(fast["numeric"], careful["numeric"])
