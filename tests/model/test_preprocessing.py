"""Preprocessing inside the graph: filled, marked, standardised, always finite."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from model.networks.preprocessing import fit

NAN = np.nan
TRAIN = np.array([[1.0, 10.0, 7.0], [2.0, NAN, 7.0], [6.0, 30.0, 7.0], [3.0, 50.0, 7.0]])


def test_columns_are_standardised_by_the_training_rows() -> None:
    """Each varying column has mean 0 and deviation 1 over the rows it was fitted on."""
    columns = fit(TRAIN)(torch.tensor(TRAIN, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(columns.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(columns.std(axis=0), [1, 1, 0, 1], atol=1e-6)


def test_a_missing_value_is_the_median_and_marked() -> None:
    """NaN gives what the training median gives, and a mark of its own in a further column."""
    steps = fit(TRAIN)
    missing, median = steps(torch.tensor([[2.0, NAN, 7.0], [2.0, 30.0, 7.0]])).tolist()
    assert missing[:3] == median[:3]
    assert missing[3] > 0 > median[3]


def test_a_column_that_never_varied_says_nothing() -> None:
    """Another value than the constant one of training changes nothing."""
    steps = fit(TRAIN)
    usual, other = steps(torch.tensor([[2.0, 10.0, 7.0], [2.0, 10.0, 1e6]])).tolist()
    assert usual == other


def test_a_column_without_any_value_in_training_is_defined() -> None:
    """A column that is missing in all training rows gives 0, whatever is served."""
    steps = fit(np.array([[1.0, NAN], [2.0, NAN], [3.0, NAN]]))
    assert steps(torch.tensor([[1.0, NAN], [1.0, 5.0]]))[:, 1].tolist() == [0.0, 0.0]


def test_one_scale_keeps_relative_sizes() -> None:
    """With one scale a nearly constant pixel is not blown up beside a busy one."""
    pixels = np.array([[0.0, 0.0], [0.0, 16.0], [0.0, 0.0], [1.0, 16.0]])
    shared = fit(pixels, one_scale=True)(torch.tensor(pixels, dtype=torch.float32)).numpy()
    assert np.ptp(shared[:, 1]) / np.ptp(shared[:, 0]) == pytest.approx(16)


@given(
    arrays.arrays(
        np.float64, st.tuples(st.integers(1, 12), st.integers(1, 4)),
        elements=st.floats(-1e6, 1e6, width=32) | st.just(NAN),
    )
)  # fmt: skip
def test_every_answer_is_finite(table: np.ndarray) -> None:
    """Whatever the training rows were, they and a row without any value come out finite."""
    steps = fit(table)
    rows = np.vstack([table, np.full(table.shape[1], NAN)]).astype(np.float32)
    assert torch.isfinite(steps(torch.from_numpy(rows))).all()
