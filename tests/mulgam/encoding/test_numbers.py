"""Numbers: what float32 holds, by the short way as by the long one."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mulgam.encoding.encoder import Encoder
from mulgam.encoding.numbers import FLOAT32_MAX
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


def test_the_largest_float32_passes_and_2_to_the_70_too() -> None:
    """What float32 holds is a number."""
    arrays = encode(PLAIN, [FLOAT32_MAX, 2**70], [-FLOAT32_MAX, 5e-324])
    assert arrays["numeric"].tolist() == [[FLOAT32_MAX, float(2**70)], [-FLOAT32_MAX, 0.0]]


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
