"""Categories inside the graph: an embedding for each known value, and for the unseen and the missing one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mulgam.encoding.categories import MISSING, UNSEEN

# The share of values that training takes for unseen, and as many again for missing: what both mean has to be learnt,
# also where no training row has them.
MASKED = 0.01
WIDEST = 32


def width(values: int) -> int:
    """How many columns stand for a feature of so many values (a rule of thumb of the fastai library)."""
    return min(WIDEST, max(2, round(1.6 * math.pow(values, 0.56))))


class Categories(nn.Module):
    """One embedding for each feature, side by side.

    **Shape**
        - input: int64 [N, C]: 0 unseen, 1 missing, known values from 2 on
        - output: [N, `width`]

    Args:
        sizes: [C] how many numbers each feature has, unseen and missing included.

    Examples:
        >>> Categories([5, 4]).eval()(torch.tensor([[0, 1], [4, 3]])).shape
        torch.Size([2, 7])
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(size, width(size)) for size in sizes)
        self.width = sum(width(size) for size in sizes)
        # Attributes, because TorchScript knows no constants of a module.
        self.masked, self.unseen, self.missing = MASKED, UNSEEN, MISSING

    def forward(self, categories: Tensor) -> Tensor:
        """Columns for the network."""
        if self.training:
            drawn = torch.rand(categories.shape, device=categories.device)
            categories = categories.masked_fill(drawn < 2 * self.masked, self.missing)
            categories = categories.masked_fill(drawn < self.masked, self.unseen)
        columns = []
        for position, embedding in enumerate(self.embeddings):
            columns.append(embedding(categories[:, position]))
        return torch.cat(columns, dim=1)
