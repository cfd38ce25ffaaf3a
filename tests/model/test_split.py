"""Splits: every row once, seeded, classes in proportion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.data.split import split
from model.data.table import Table
from model.errors import DataError
from model.recipe.sections import SPLITS


def table(labels: list[int], classes: int) -> Table:
    """A table with these class numbers; no classes: quantities."""
    names = tuple(f"c{number}" for number in range(classes))
    return Table(("a",), np.arange(len(labels), dtype=float)[:, None], "t", np.array(labels), names, "")


@given(st.integers(10, 300), st.sampled_from(SPLITS), st.integers(0, 5))
def test_every_row_is_in_one_part(rows: int, kind: str, seed: int) -> None:
    """The three parts hold every row once, none is empty, and the seed decides."""
    quantities = table(list(range(rows)), 0)
    parts = split(quantities, kind, seed)
    together = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(together.tolist()) == list(range(rows))
    assert min(len(parts.train), len(parts.validation), len(parts.test)) > 0
    again = split(quantities, kind, seed)
    assert again.train.tolist() == parts.train.tolist()


def test_classes_keep_their_proportions() -> None:
    """A class with 10 % of the rows has about 10 % of each part."""
    parts = split(table([0] * 900 + [1] * 100, 2), "random", seed=3)
    labels = np.array([0] * 900 + [1] * 100)
    for rows in (parts.train, parts.validation, parts.test):
        assert labels[rows].mean() == pytest.approx(0.1, abs=0.01)


def test_a_class_with_one_row_is_trained_on() -> None:
    """The only row of a class is never held out."""
    for seed in range(10):
        assert 50 in split(table([0] * 50 + [1], 2), "random", seed).train


def test_the_half_split_tests_on_the_second_half() -> None:
    """`half` holds out the second half in the table's order, as scikit-learn's example does."""
    assert split(table([0, 1] * 20, 2), "half", seed=0).test.tolist() == list(range(20, 40))


def test_a_class_that_is_only_held_out_is_refused() -> None:
    """A class without a training row is an error that names it."""
    with pytest.raises(DataError, match="'c1' has no row in the training part"):
        split(table([0] * 20 + [1] * 20, 2), "half", seed=0)
