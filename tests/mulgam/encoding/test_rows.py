"""Rows in order: what is no feature is told beside what is."""

from __future__ import annotations

import pytest

from mulgam.errors import InputError
from tests.mulgam.encoding.models import (
    PLAIN,
    encode,
)


def test_a_misspelt_feature_is_answered_with_the_nearest_name() -> None:
    """So that the caller need not look it up."""
    with pytest.raises(InputError, match="did you mean 'rooms'"):
        encode(PLAIN, {"area": 1, "romms": 2})
