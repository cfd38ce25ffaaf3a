"""Preprocessing inside the graph: imputation, missing indicators and standardisation as buffers.

Fitted on training rows only; serving repeats it because it is part of the exported model.
"""

# No `from __future__ import annotations`: TorchScript can't read the buffers' types from strings.
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from model.data.table import Floats

# Deviations from the mean that a value counts as at most, so that every finite number has a finite answer. No value of
# N training rows lies farther than √N.
FARTHEST = 1e4


class Preprocessing(nn.Module):
    """Fills missing values with the training median, marks them, standardises, and draws in what lies far out.

    **Shape**
        - input: [N, F], NaN where missing
        - output: [N, F + M], finite; M is the number of features that had missing values in training

    Args:
        fill: [F] what stands for a missing value.
        marked: numbers of the features whose absence is marked by a further column.
        mean: [F + M].
        weight: [F + M], one over the deviation; 0 for a column that never varied, which then says nothing.
    """

    fill: Tensor
    marked: Tensor
    mean: Tensor
    weight: Tensor

    def __init__(self, fill: Tensor, marked: Tensor, mean: Tensor, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("fill", fill)
        self.register_buffer("marked", marked)
        self.register_buffer("mean", mean)
        self.register_buffer("weight", weight)
        self.marks = len(marked) > 0
        self.width = len(mean)
        # Attributes, because TorchScript knows no constants of a module.
        self.largest, self.farthest = torch.finfo(torch.float32).max, FARTHEST

    def forward(self, numeric: Tensor) -> Tensor:
        """Columns for the network."""
        missing = torch.isnan(numeric)
        columns = torch.where(missing, self.fill, numeric)
        if self.marks:
            columns = torch.cat([columns, missing.index_select(1, self.marked).to(numeric.dtype)], dim=1)
        # A difference may be infinite, and infinity times nothing is no number.
        distance = (columns - self.mean).clamp(-self.largest, self.largest)
        return (distance * self.weight).clamp(-self.farthest, self.farthest)


def fit(numeric: npt.NDArray[np.floating[Any]], *, one_scale: bool = False) -> Preprocessing:
    """Learn medians, means and deviations, in float64 and column by column: a large table is not copied.

    Args:
        numeric: training rows [N, F], NaN where missing.
        one_scale: divide all features by one common deviation, so that quantities of one kind (pixels) keep
            their relative size and a pixel that is nearly always 0 is not blown up.
    """
    features = numeric.shape[1]
    fill, mean, deviation = np.zeros(features), np.zeros(features), np.zeros(features)
    shares = np.zeros(features)
    for place in range(features):
        column = numeric[:, place].astype(np.float64)
        missing = np.isnan(column)
        shares[place] = missing.mean()
        if shares[place] < 1:
            fill[place] = np.median(column[~missing])
        column[missing] = fill[place]
        mean[place], deviation[place] = column.mean(), column.std()
    # Rounding leaves a constant column with a tiny deviation instead of none.
    varies = deviation > 1e-7 * np.maximum(np.abs(mean), 1e-30)
    if one_scale:
        deviation[:] = np.sqrt(np.mean(deviation**2))
    weight = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)
    marked = np.flatnonzero((shares > 0) & (shares < 1))
    gaps = shares[marked]
    mean, weight = np.append(mean, gaps), np.append(weight, 1 / np.sqrt(gaps * (1 - gaps)))
    return Preprocessing(_float32(fill), torch.from_numpy(marked.astype(np.int64)), _float32(mean), _float32(weight))


def applied(steps: nn.Module, rows: Tensor, size: int = 8192) -> Tensor:
    """What steps make of rows [N, …], `size` at a time, in the place of the rows where it has their shape.

    Of a large table the rows would lie in memory several times.
    """
    with torch.no_grad():
        first: Tensor = steps(rows[:size])
        output = rows if first.shape[1:] == rows.shape[1:] else first.new_empty(len(rows), *first.shape[1:])
        output[:size] = first
        for start in range(size, len(rows), size):
            output[start : start + size] = steps(rows[start : start + size])
    return output


def _float32(values: Floats) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
