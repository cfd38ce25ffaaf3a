"""Square images inside the graph: a small convolutional network on the pixels of each row.

Blocks of convolution, activation and pooling as in LeNet (LeCun et al. 1998, "Gradient-Based Learning Applied to
Document Recognition"), with today's small kernels and maxima.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

SMALLEST_SIDE = 4
# Maps of the first block; each further one has twice as many, up to the last number.
FIRST_MAPS, MOST_MAPS = 16, 64


def side(pixels: int) -> int | None:
    """The side of the square image that so many pixels make; None where they make none of at least 4 × 4."""
    root = math.isqrt(pixels)
    return root if root * root == pixels and root >= SMALLEST_SIDE else None


class Images(nn.Module):
    """Convolutions over the first columns as a square image, row by row; further columns are handed on as they are.

    **Shape**
        - input: [N, side² + M]
        - output: [N, `width` + M]

    Args:
        side: pixels in a row of the image, at least 4.

    Examples:
        >>> images = Images(8).eval()
        >>> images(torch.zeros(5, 64)).shape == (5, images.width)
        True
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        maps, shown = FIRST_MAPS, side
        layers: list[nn.Module] = [nn.Conv2d(1, maps, 3, padding=1), nn.ReLU()]
        # Halved until about 4 × 4 are left.
        while shown >= 2 * SMALLEST_SIDE:
            further = min(2 * maps, MOST_MAPS)
            layers += [nn.Conv2d(maps, further, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            maps, shown = further, shown // 2
        self.layers = nn.Sequential(*layers)
        self.side, self.pixels = side, side * side
        self.width = maps * shown * shown

    def forward(self, columns: Tensor) -> Tensor:
        """Columns for the network."""
        image = columns[:, : self.pixels].reshape(-1, 1, self.side, self.side)
        return torch.cat([self.layers(image).flatten(1), columns[:, self.pixels :]], dim=1)
