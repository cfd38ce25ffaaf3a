"""Periodic embeddings of numbers inside the graph: sines and cosines of learnt frequencies.

Source: Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning" (arXiv 2203.05556).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FREQUENCIES = 24
WIDTH = 16
# Deviation of the first frequencies, in periods for each standard deviation of the feature.
SPREAD = 0.1


class Periodic(nn.Module):
    """Sines and cosines of each number, embedded.

    **Shape**
        - input: [N, F], finite
        - output: [N, F × width]

    Args:
        features: F.
        width: columns that stand for one feature.
    """

    def __init__(self, features: int, width: int = WIDTH) -> None:
        super().__init__()
        self.frequency = nn.Parameter(torch.randn(features, FREQUENCIES) * (SPREAD * 2 * torch.pi))
        bound = (2 * FREQUENCIES) ** -0.5
        self.weight = nn.Parameter(torch.empty(features, 2 * FREQUENCIES, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(features, 1, width).uniform_(-bound, bound))
        self.width = features * width

    def forward(self, columns: Tensor) -> Tensor:
        """Columns for the network."""
        angles = columns.unsqueeze(2) * self.frequency
        waves = torch.cat([angles.cos(), angles.sin()], dim=2)
        embedded = torch.relu(torch.baddbmm(self.bias, waves.transpose(0, 1), self.weight))
        return embedded.transpose(0, 1).flatten(1)
