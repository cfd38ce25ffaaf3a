"""Piecewise-linear embeddings of numbers inside the graph.

Source: Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning" (arXiv 2203.05556).
"""

# No `from __future__ import annotations`: TorchScript can't read the buffers' types from strings.
import numpy as np
import torch
from torch import Tensor, nn

# A bin for every so many training rows, within these bounds: places on a map need many, few rows fill few.
ROWS_OF_A_BIN = 100
FEWEST_BINS, MOST_BINS = 48, 128
WIDTH = 16
# Below this width, in standard deviations, a bin would blow up the last digit of a float32.
_NARROWEST = 1e-4


class PiecewiseLinear(nn.Module):
    """Tells for each bin how far a number has passed through it, from 0 to 1, and embeds that.

    Beyond the outermost edges nothing changes: an outlier counts as the most extreme number of training.

    **Shape**
        - input: [N, F], finite
        - output: [N, F × width]

    Args:
        edges: for each feature its B + 1 ascending edges, B at least 1 and not the same for all.
        width: columns that stand for one feature.

    Examples:
        >>> PiecewiseLinear([torch.tensor([0.0, 1.0, 4.0]), torch.tensor([0.0, 2.0])], 8)(torch.zeros(5, 2)).shape
        torch.Size([5, 16])
    """

    left: Tensor
    scale: Tensor

    def __init__(self, edges: list[Tensor], width: int = WIDTH) -> None:
        super().__init__()
        bins = max(len(feature) for feature in edges) - 1
        left, scale = torch.zeros(len(edges), bins), torch.zeros(len(edges), bins)
        for row, feature in enumerate(edges):
            left[row, : len(feature) - 1] = feature[:-1]
            scale[row, : len(feature) - 1] = 1.0 / feature.diff()
        self.register_buffer("left", left)
        self.register_buffer("scale", scale)  # 0 for the bins that a feature does not have
        bound = bins**-0.5
        self.weight = nn.Parameter(torch.empty(len(edges), bins, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(len(edges), 1, width).uniform_(-bound, bound))
        self.width = len(edges) * width

    def forward(self, columns: Tensor) -> Tensor:
        """Columns for the network."""
        passed = ((columns.unsqueeze(2) - self.left) * self.scale).clamp(0.0, 1.0)
        # One matrix product for each feature: [F, N, B] × [F, B, W].
        embedded = torch.relu(torch.baddbmm(self.bias, passed.transpose(0, 1), self.weight))
        return embedded.transpose(0, 1).flatten(1)


def fit(columns: Tensor, bins: int | None = None, width: int = WIDTH) -> PiecewiseLinear:
    """Bins between quantiles (which are training values) of standardised columns [N, F]; equal ones make fewer bins.

    Args:
        columns: of the training rows.
        bins: None: by the number of rows.
        width: columns that stand for one feature.
    """
    if bins is None:
        bins = min(MOST_BINS, max(FEWEST_BINS, len(columns) // ROWS_OF_A_BIN))
    shares = np.linspace(0.0, 1.0, bins + 1)
    wide = (column.astype(np.float64) for column in columns.numpy().T)
    return PiecewiseLinear([_edges(np.quantile(column, shares, method="inverted_cdf")) for column in wide], width)


def _edges(quantiles: np.ndarray) -> Tensor:
    """Ascending and far enough apart; those of a column that never varies are of no consequence."""
    edges = [float(quantiles[0])]
    for edge in quantiles[1:].tolist():
        if edge - edges[-1] >= _NARROWEST:
            edges.append(edge)
    return torch.tensor(edges if len(edges) > 1 else [edges[0], edges[0] + 1.0])
