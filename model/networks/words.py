"""Texts inside the graph: a bag of words, hashed, looked up and summed. There is no vocabulary, for any language.

A word is a stretch of letters, digits and the marks on them; what lies between words says nothing.
"""

# No `from __future__ import annotations`: TorchScript can't read the buffers' types from strings.
import unicodedata

import torch
from torch import Tensor, nn

from model.networks.code_points import LowerCase
from model.networks.hashing import Bag, RollingHash

# What a word has beyond these characters does not count.
LONGEST = 20

# The basic multilingual plane is looked up; above it lie rare letters of Chinese, and emojis, which count as letters.
_LOOKED_UP = 0x10000


class Words(nn.Module):
    """The sum of the embeddings of a text's words, over the root of their number; their order does not matter.

    **Shape**
        - input: int32 [N, L], code points, 0 after the end
        - output: [N, width]; 0 for a text without words

    Args:
        buckets: rows of the table that hashes are spread over.
        width: columns of the table.

    Examples:
        >>> Words(64, 8).eval()(torch.tensor([[72, 105, 0], [0, 0, 0]], dtype=torch.int32)).shape
        torch.Size([2, 8])
    """

    letters: Tensor

    def __init__(self, buckets: int, width: int) -> None:
        super().__init__()
        self.register_buffer("letters", torch.tensor([_in_words(point) for point in range(_LOOKED_UP)]))
        self.lower_case = LowerCase()
        self.hash = RollingHash()
        self.bag = Bag(buckets, width)
        self.width = width
        # Attributes, because TorchScript knows no constants of a module.
        self.longest, self.looked_up = LONGEST, _LOOKED_UP

    def forward(self, text: Tensor) -> Tensor:
        """Columns for the network."""
        points = self.lower_case(text)
        letter = self.letters[points.clamp(0, self.looked_up - 1)] | (points >= self.looked_up)
        begins = letter & ~nn.functional.pad(letter, [1, -1])
        points = nn.functional.pad(points, [0, self.longest])
        letter = nn.functional.pad(letter, [0, self.longest])
        size = text.size(1)
        within = begins
        hashed = torch.zeros_like(points[:, :size])
        for length in range(self.longest):
            within = within & letter[:, length : length + size]
            hashed = torch.where(within, self.hash(hashed, points[:, length : length + size]), hashed)
        total, number = self.bag(hashed, begins)
        columns: Tensor = total / number.clamp(min=1.0).sqrt()
        return columns


def _in_words(point: int) -> bool:
    """Whether a code point is a letter, a digit or a mark on one."""
    return unicodedata.category(chr(point))[0] in "LMN"
