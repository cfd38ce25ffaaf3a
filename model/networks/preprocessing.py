"""Preprocessing inside the graph: imputation, missing indicators and standardisation as buffers.

Fitted on training rows only; serving repeats it because it is part of the exported model.
"""

# No `from __future__ import annotations`: TorchScript can't read the buffers' types from strings.
import numpy as np
import torch
from torch import Tensor, nn

from model.data.table import Floats


class Preprocessing(nn.Module):
    """Fills missing values with the training median, marks them, and standardises.

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

    def forward(self, numeric: Tensor) -> Tensor:
        """Columns for the network."""
        missing = torch.isnan(numeric)
        columns = torch.where(missing, self.fill, numeric)
        if self.marks:
            columns = torch.cat([columns, missing.index_select(1, self.marked).to(numeric.dtype)], dim=1)
        return (columns - self.mean) * self.weight


def fit(numeric: Floats, *, one_scale: bool = False) -> Preprocessing:
    """Learn medians, means and deviations.

    Args:
        numeric: training rows [N, F], NaN where missing.
        one_scale: divide all features by one common deviation, so that quantities of one kind (pixels) keep
            their relative size and a pixel that is nearly always 0 is not blown up.
    """
    missing = np.isnan(numeric)
    known = ~missing.all(axis=0)
    fill = np.zeros(numeric.shape[1])
    fill[known] = np.nanmedian(numeric[:, known], axis=0)
    marked = np.flatnonzero(missing.any(axis=0) & known)
    columns = np.hstack([np.where(missing, fill, numeric), missing[:, marked]])
    mean, deviation = columns.mean(axis=0), columns.std(axis=0)
    # Rounding leaves a constant column with a tiny deviation instead of none.
    varies = deviation > 1e-7 * np.maximum(np.abs(mean), 1e-30)
    if one_scale:
        features = numeric.shape[1]
        deviation[:features] = np.sqrt(np.mean(deviation[:features] ** 2))
    weight = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=varies)
    return Preprocessing(_float32(fill), torch.from_numpy(marked.astype(np.int64)), _float32(mean), _float32(weight))


def _float32(values: Floats) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
