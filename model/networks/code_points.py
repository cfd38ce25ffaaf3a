"""Unicode code points inside the graph, as every kind of text network takes them first."""

# No `from __future__ import annotations`: TorchScript can't read the buffers' types from strings.
import torch
from torch import Tensor, nn

# Latin, Greek, Cyrillic and Armenian; scripts above hardly know cases.
CASED = 0x590


class LowerCase(nn.Module):
    """Sets code points in lower case, where that is a single one.

    **Shape**
        - input: int32 [N, L], 0 after the end
        - output: int64 [N, L]
    """

    lower: Tensor

    def __init__(self) -> None:
        super().__init__()
        lowered = [chr(point).lower() for point in range(CASED)]
        single = [ord(one) if len(one) == 1 else point for point, one in enumerate(lowered)]
        self.register_buffer("lower", torch.tensor(single))
        self.cased = CASED  # an attribute, because TorchScript knows no constants of a module

    def forward(self, text: Tensor) -> Tensor:
        """The same texts in lower case."""
        points = text.to(torch.int64)
        return torch.where(points < self.cased, self.lower[points.clamp(0, self.cased - 1)], points)
