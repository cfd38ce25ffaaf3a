"""Texts inside the graph: character n-grams, hashed, looked up and summed. There is no vocabulary, for any language.

A text comes as Unicode code points, padded with 0. It is set in lower case, a space is set before and after it, and
all its stretches of one to five characters are hashed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.networks.code_points import LowerCase
from model.networks.hashing import Bag, RollingHash

LONGEST = 5

_SPACE = 32


class NGrams(nn.Module):
    """The sum of the embeddings of a text's n-grams, over the root of their number.

    **Shape**
        - input: int32 [N, L], code points, 0 after the end
        - output: [N, width]; 0 for an empty text

    Args:
        buckets: rows of the table that hashes are spread over.
        width: columns of the table.

    Examples:
        >>> NGrams(64, 8).eval()(torch.tensor([[72, 105, 0], [0, 0, 0]], dtype=torch.int32)).shape
        torch.Size([2, 8])
    """

    def __init__(self, buckets: int, width: int) -> None:
        super().__init__()
        self.lower_case = LowerCase()
        self.hash = RollingHash()
        self.bag = Bag(buckets, width)
        self.width = width
        # Attributes, because TorchScript knows no constants of a module.
        self.longest, self.space = LONGEST, _SPACE

    def forward(self, text: Tensor) -> Tensor:
        """Columns for the network."""
        points = self.lower_case(text)
        padded = nn.functional.pad(points, [1, self.longest])
        # A space where the text begins, and one where it ends; none round an empty text.
        before = nn.functional.pad(points, [2, self.longest - 1])
        after = nn.functional.pad(points, [0, self.longest + 1])
        edge = (padded == 0) & ((before > 0) | (after > 0))
        padded = padded.masked_fill(edge, self.space)
        size = text.size(1) + 2
        known = padded[:, :size] > 0
        hashed = torch.zeros_like(padded[:, :size])
        total = torch.zeros(1, self.width, device=text.device)
        number = torch.zeros(1, 1, device=text.device)
        for length in range(self.longest):
            following = padded[:, length : length + size]
            known = known & (following > 0)
            hashed = self.hash(hashed, following)
            found, count = self.bag(hashed, known)
            total, number = total + found, number + count
        return total / number.clamp(min=1.0).sqrt()
