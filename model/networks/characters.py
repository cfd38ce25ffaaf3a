"""Texts inside the graph as a sequence of steps: embedded characters, drawn together a few at a time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.networks.code_points import LowerCase

# Rows of the table that code points are spread over: far more than the letters of one language, Korean included.
BUCKETS = 2**13
WIDTH = 64
# A step sees so many characters and begins so many after the one before: a third of the steps cost a third of the time.
SEEN, STRIDE = 5, 3

_PRIME = 2**31 - 1
_SPREAD = 1_640_531_527


class Characters(nn.Module):
    """Steps of a few characters each, by a convolution over their embeddings.

    **Shape**
        - input: int32 [N, L], code points, 0 after the end
        - outputs: steps [N, S, WIDTH], and which of them begin within the text, bool [N, S]; S = ⌈L / 3⌉
    """

    def __init__(self) -> None:
        super().__init__()
        self.lower_case = LowerCase()
        self.embedding = nn.Embedding(BUCKETS, WIDTH)
        self.convolution = nn.Conv1d(WIDTH, WIDTH, SEEN, STRIDE)
        # Attributes, because TorchScript knows no constants of a module.
        self.buckets, self.prime, self.spread, self.seen, self.stride = BUCKETS, _PRIME, _SPREAD, SEEN, STRIDE

    def forward(self, text: Tensor) -> tuple[Tensor, Tensor]:
        """Steps, and which of them are of the text."""
        points = nn.functional.pad(self.lower_case(text), [0, self.seen - 1])
        embedded = self.embedding(points * self.spread % self.prime % self.buckets)
        embedded = embedded * (points > 0).unsqueeze(2).to(embedded.dtype)
        steps = torch.relu(self.convolution(embedded.transpose(1, 2)).transpose(1, 2))
        return steps, text[:, :: self.stride] > 0


def pooled(steps: Tensor, known: Tensor) -> Tensor:
    """The largest value of each column over the known steps; 0 where none is known.

    **Shape**
        - inputs: [N, S, C] and bool [N, S]
        - output: [N, C]
    """
    largest = steps.masked_fill(~known.unsqueeze(2), -1e9).amax(dim=1)
    return largest.masked_fill(~known.any(dim=1, keepdim=True), 0.0)
