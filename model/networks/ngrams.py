"""Texts inside the graph: character n-grams, hashed, looked up and summed. There is no vocabulary, for any language.

A text comes as Unicode code points, padded with 0. It is set in lower case, a space is set before and after it, and
all its stretches of one to five characters are hashed: h(c₁ … cₙ) = (h(c₁ … cₙ₋₁) × base + cₙ) mod 2³¹ - 1, which
stays below 2⁶² and so within int64 on every runtime.
"""

# No `from __future__ import annotations`: TorchScript can't read the buffers' types from strings.
import torch
from torch import Tensor, nn

LONGEST = 5
BUCKETS = 2**16
WIDTH = 32
# Deviation of the first embeddings: small, so that n-grams which no row has say next to nothing.
FIRST_SPREAD = 0.02
# The share of n-grams that training leaves out, so that no few of them decide alone.
DROPPED = 0.3

_PRIME = 2**31 - 1
_BASE = 1_103_515_245
_SPREAD = 1_640_531_527
_SPACE = 32
# Latin, Greek, Cyrillic and Armenian; scripts above hardly know cases.
_CASED = 0x590


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

    lower: Tensor

    def __init__(self, buckets: int = BUCKETS, width: int = WIDTH) -> None:
        super().__init__()
        self.register_buffer("lower", _lower_case())
        self.embedding = nn.Embedding(buckets, width)
        nn.init.normal_(self.embedding.weight, std=FIRST_SPREAD)
        self.width = width
        # Attributes, because TorchScript knows no constants of a module.
        self.longest, self.dropped, self.cased = LONGEST, DROPPED, _CASED
        self.prime, self.base, self.spread, self.space = _PRIME, _BASE, _SPREAD, _SPACE
        self.buckets = buckets

    def forward(self, text: Tensor) -> Tensor:
        """Columns for the network."""
        points = text.to(torch.int64)
        points = torch.where(points < self.cased, self.lower[points.clamp(0, self.cased - 1)], points)
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
        count = torch.zeros(1, 1, device=text.device)
        for length in range(self.longest):
            following = padded[:, length : length + size]
            known = known & (following > 0)
            hashed = (hashed * self.base + following + 1) % self.prime
            # The last bits of a product say little of its first factor.
            bucket = (hashed * self.spread % self.prime) % self.buckets
            if self.training:
                kept = known & (torch.rand(known.shape, device=known.device) >= self.dropped)
                total = total + self._sum(bucket, kept)
            else:
                kept = known
                total = total + torch.matmul(kept.to(torch.float32).unsqueeze(1), self.embedding(bucket)).squeeze(1)
            count = count + kept.to(torch.float32).sum(dim=1, keepdim=True)
        if self.training:
            count = count * (1.0 - self.dropped)  # as large as the sum of all n-grams will be
        return total / count.clamp(min=1.0 - self.dropped).sqrt()

    def _sum(self, bucket: Tensor, kept: Tensor) -> Tensor:
        """The same sum several times as fast, by an operator that ONNX does not have."""
        counts = kept.sum(dim=1)
        offsets = counts.cumsum(0) - counts
        return nn.functional.embedding_bag(bucket[kept], self.embedding.weight, offsets, mode="sum")


def _lower_case() -> Tensor:
    """The lower case of each code point that has one of a single character."""
    lowered = [chr(point).lower() for point in range(_CASED)]
    return torch.tensor([ord(one) if len(one) == 1 else point for point, one in enumerate(lowered)])
