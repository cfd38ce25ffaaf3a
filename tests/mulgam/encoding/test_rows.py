"""Rows in order: what can be no row is refused, what is no feature is told beside what is."""

from __future__ import annotations

from typing import Any

import pytest

from mulgam.errors import InputError
from mulgam.signature import Signature
from tests.mulgam.encoding.models import PLAIN, assert_refused, encode

REFUSED: dict[str, tuple[Signature, Any, str, str | None]] = {
    "instances null": (PLAIN, None, "WRONG_SHAPE", "instances"),
    "instances a number": (PLAIN, 5, "WRONG_SHAPE", "instances"),
    "instances an object": (PLAIN, {"area": 1}, "WRONG_SHAPE", "instances"),
    "empty": (PLAIN, [], "EMPTY_BATCH", "instances"),
    "a row that is a number": (PLAIN, [[1, 2], 3], "WRONG_TYPE", "instances[1]"),
    "a row that is null": (PLAIN, [None], "WRONG_TYPE", "instances[0]"),
    "a bare text for numbers": (PLAIN, ["1,2"], "WRONG_TYPE", "instances[0]"),
    "too few values": (PLAIN, [[1]], "WRONG_SHAPE", "instances[0]"),
    "too many values": (PLAIN, [[1, 2, 3], [1, 2, 3]], "WRONG_SHAPE", "instances[0]"),
    "no values": (PLAIN, [[]], "WRONG_SHAPE", "instances[0]"),
    "ragged": (PLAIN, [[1, 2], [1]], "RAGGED", "instances[1]"),
    "unknown feature": (PLAIN, [{"area": 1, "room": 2}], "UNKNOWN_FIELD", "instances[0]"),
    "one feature more": (PLAIN, [{"area": 1, "rooms": 2, "x\n" * 999: 3}], "UNKNOWN_FIELD", "instances[0]"),
    "missing feature": (PLAIN, [[1, 2], {"area": 1}], "MISSING_FIELD", "instances[1].rooms"),
    "no feature": (PLAIN, [{}], "MISSING_FIELD", "instances[0].area"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_row_is_refused_with_code_and_place(case: str) -> None:
    """The first mistake's code, where it is, and one bounded line about it."""
    assert_refused(*REFUSED[case])


def test_a_misspelt_feature_is_answered_with_the_nearest_name() -> None:
    """So that the caller need not look it up."""
    with pytest.raises(InputError, match="did you mean 'rooms'"):
        encode(PLAIN, {"area": 1, "romms": 2})
