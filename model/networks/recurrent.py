"""Texts inside the graph: a recurrent network that reads the steps of a text one after the other.

Sources: Hochreiter and Schmidhuber 1997, "Long Short-Term Memory"; Cho et al. 2014, "Learning Phrase Representations
using RNN Encoder-Decoder" (arXiv 1406.1078) for gated recurrent units.
"""

from __future__ import annotations

from torch import Tensor, nn

from model.networks import characters
from model.networks.characters import Characters, pooled

WIDTH = 64


class Recurrent(nn.Module):
    """The largest value of each of the network's outputs over a text's steps.

    It reads from the beginning, so that the padding after the end changes no output that is looked at.

    **Shape**
        - input: int32 [N, L], code points, 0 after the end
        - output: [N, width]; 0 for an empty text

    Args:
        cells: `nn.GRU` or `nn.LSTM`.
    """

    def __init__(self, cells: type[nn.GRU] | type[nn.LSTM]) -> None:
        super().__init__()
        self.characters = Characters()
        self.cells = cells(characters.WIDTH, WIDTH, batch_first=True)
        self.width = WIDTH

    def forward(self, text: Tensor) -> Tensor:
        """Columns for the network."""
        steps, known = self.characters(text)
        outputs, _ = self.cells(steps)
        return pooled(outputs, known)
