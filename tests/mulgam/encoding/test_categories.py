"""Categories and booleans: ids of what is known, unseen and missing."""

from __future__ import annotations

import numpy as np
import pytest

from mulgam.encoding.checking import check_tensors
from mulgam.errors import InputError
from mulgam.signature import Feature
from tests.mulgam.encoding.models import (
    DISTRICT,
    describe,
    encode,
)


def test_a_category_may_be_sent_as_a_whole_number() -> None:
    """A column of codes is a category too: 7 is the word "7"."""
    assert encode(describe(DISTRICT), [7], ["7"], [8])["categories"].tolist() == [[4], [4], [0]]


def test_an_id_for_missing_is_refused_where_nothing_may_be_missing() -> None:
    """The same rule as for NaN and null."""
    described = describe(Feature("lift", "boolean", missing=False))
    assert check_tensors(described, {"categories": np.array([[0]])}) == 1
    with pytest.raises(InputError, match="lacks a value that must be there"):
        check_tensors(described, {"categories": np.array([[1]])})
