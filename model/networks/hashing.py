"""Hashes inside the graph, of stretches of characters, and the embeddings that they pick. There is no vocabulary.

h(c₁ … cₙ) = (h(c₁ … cₙ₋₁) × base + cₙ + 1) mod 2³¹ - 1, which stays below 2⁶² and so within int64 on every runtime.
"""

# No `from __future__ import annotations`: TorchScript can't read types from strings.
import torch
from torch import Tensor, nn

_PRIME = 2**31 - 1
_BASE = 1_103_515_245
_SPREAD = 1_640_531_527
# Numbers in a table of embeddings, 16 MB: 20,000 texts have a million different n-grams, and those that share a row
# spoil one another. Many narrow rows tell texts apart better than few wide ones.
TABLE = 2**22
NARROWEST, WIDEST = 4, 32
# Deviation of the first embeddings: small, so that what no training row has says next to nothing.
FIRST_SPREAD = 1e-4
# The share of hashes that training leaves out, so that no few of them decide alone.
DROPPED = 0.3


def table(outputs: int) -> tuple[int, int]:
    """Rows and columns of a table of embeddings: a column for each output of the network, a power of 2 from 4 to 32."""
    width = min(WIDEST, max(NARROWEST, 1 << (outputs - 1).bit_length()))
    return TABLE // width, width


class RollingHash(nn.Module):
    """The hashes of stretches that are one character longer.

    **Shape**
        - inputs: hashes so far, 0 at first, and the characters that follow, int64 [N, L]
        - output: int64 [N, L]
    """

    def __init__(self) -> None:
        super().__init__()
        # Attributes, because TorchScript knows no constants of a module.
        self.prime, self.base = _PRIME, _BASE

    def forward(self, hashed: Tensor, following: Tensor) -> Tensor:
        """The longer stretches' hashes."""
        return (hashed * self.base + following + 1) % self.prime


class Bag(nn.Module):
    """The sum of the embeddings that hashes pick, and their number; training leaves some out at random.

    **Shape**
        - inputs: hashes int64 [N, M], and which of them count, bool [N, M]
        - outputs: [N, width] and [N, 1]; in training as large as without leaving out, on average

    Args:
        buckets: rows of the table that hashes are spread over.
        width: columns of the table.
    """

    def __init__(self, buckets: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(buckets, width)
        nn.init.normal_(self.embedding.weight, std=FIRST_SPREAD)
        self.buckets, self.dropped, self.prime, self.spread = buckets, DROPPED, _PRIME, _SPREAD

    def forward(self, hashed: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Sums and numbers."""
        # The last bits of a product say little of its first factor.
        bucket = (hashed * self.spread % self.prime) % self.buckets
        if self.training:
            kept = known & (torch.rand(known.shape, device=known.device) >= self.dropped)
            share = 1.0 - self.dropped
            return self._sum(bucket, kept) / share, _number(kept) / share
        weights = known.to(torch.float32).unsqueeze(1)
        return torch.matmul(weights, self.embedding(bucket)).squeeze(1), _number(known)

    def _sum(self, bucket: Tensor, kept: Tensor) -> Tensor:
        """The same sum several times as fast, by an operator that ONNX does not have."""
        counts = kept.sum(dim=1)
        offsets = counts.cumsum(0) - counts
        return nn.functional.embedding_bag(bucket[kept], self.embedding.weight, offsets, mode="sum")


def _number(kept: Tensor) -> Tensor:
    return kept.to(torch.float32).sum(dim=1, keepdim=True)
