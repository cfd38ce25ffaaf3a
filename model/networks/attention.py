"""Texts inside the graph: a small transformer encoder over the steps of a text.

Source: Vaswani et al. 2017, "Attention Is All You Need" (arXiv 1706.03762), with the layer norm before each part
(Xiong et al. 2020, arXiv 2002.04745), which trains without a warm-up.
"""

# No `from __future__ import annotations`: TorchScript can't read the buffers' types from strings.
import math

import torch
from torch import Tensor, nn

from model.networks.characters import WIDTH, Characters, pooled

LAYERS, HEADS = 2, 4
DROPOUT = 0.1
# Wavelengths of the positional encoding go from 2π steps to this many times 2π.
_LONGEST_WAVE = 10_000.0


class Attention(nn.Module):
    """The largest value of each output of the encoder over a text's steps.

    **Shape**
        - input: int32 [N, L], code points, 0 after the end
        - output: [N, width]; 0 for an empty text

    Args:
        length: L.
    """

    positions: Tensor

    def __init__(self, length: int) -> None:
        super().__init__()
        self.characters = Characters()
        self.register_buffer("positions", positions(length))
        self.layers = nn.ModuleList(EncoderLayer() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.width = WIDTH

    def forward(self, text: Tensor) -> Tensor:
        """Columns for the network."""
        steps, known = self.characters(text)
        steps = steps + self.positions[: steps.size(1)]
        for layer in self.layers:
            steps = layer(steps, known)
        return pooled(self.norm(steps), known)


class EncoderLayer(nn.Module):
    """Every step looks at all known ones, and then at itself through a perceptron.

    **Shape**
        - inputs: steps [N, S, WIDTH], and which of them may be looked at, bool [N, S]
        - output: [N, S, WIDTH]
    """

    def __init__(self) -> None:
        super().__init__()
        self.attention_norm, self.feedforward_norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.projection = nn.Linear(WIDTH, 3 * WIDTH)
        self.output = nn.Linear(WIDTH, WIDTH)
        self.feedforward = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))
        self.dropout = nn.Dropout(DROPOUT)
        self.heads, self.head_width = HEADS, WIDTH // HEADS

    def forward(self, steps: Tensor, known: Tensor) -> Tensor:
        """The next layer's steps."""
        steps = steps + self.dropout(self._attention(self.attention_norm(steps), known))
        forwarded: Tensor = self.feedforward(self.feedforward_norm(steps))
        further: Tensor = steps + self.dropout(forwarded)
        return further

    def _attention(self, steps: Tensor, known: Tensor) -> Tensor:
        """Softmax(query · key / √size) · value for each head, over the known steps only."""
        projected = self.projection(steps).unflatten(2, [3, self.heads, self.head_width]).permute(2, 0, 3, 1, 4)
        query, key, value = projected[0], projected[1], projected[2]
        scores = torch.matmul(query, key.transpose(2, 3)) / math.sqrt(self.head_width)
        scores = scores.masked_fill(~known.unsqueeze(1).unsqueeze(1), -1e9)
        heads = torch.matmul(torch.softmax(scores, dim=3), value)
        mixed: Tensor = self.output(heads.transpose(1, 2).flatten(2))
        return mixed


def positions(length: int) -> Tensor:
    """Sines and cosines that tell each of `length` steps its place, [length, WIDTH]."""
    waves = torch.exp(torch.arange(0, WIDTH, 2) * (-math.log(_LONGEST_WAVE) / WIDTH))
    angles = torch.arange(length).unsqueeze(1) * waves
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
