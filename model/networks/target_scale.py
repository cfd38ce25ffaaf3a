"""Between a quantity and what the network learns of it: a transform, then mean 0 and deviation 1.

Back again it is part of the graph, so that callers see the quantity in its own unit.
"""

# No `from __future__ import annotations`: TorchScript can't read the buffers' types from strings.
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Floats = npt.NDArray[np.float64]


class Exp(nn.Module):
    """The inverse of the logarithm."""

    def forward(self, x: Tensor) -> Tensor:
        """e^x."""
        return torch.exp(x)


class ExpMinus1(nn.Module):
    """The inverse of log(1 + y)."""

    def forward(self, x: Tensor) -> Tensor:
        """e^x - 1; written out, because ONNX has no operator of its own for it."""
        return torch.exp(x) - 1.0


class Sinh(nn.Module):
    """The inverse of asinh."""

    def forward(self, x: Tensor) -> Tensor:
        """The hyperbolic sine."""
        return torch.sinh(x)


@dataclass(frozen=True)
class Transform:
    """What is learnt of a quantity.

    Attributes:
        there: quantity → what is learnt.
        back: its inverse, as part of the graph.
        above: the quantity must be above this bound.
    """

    there: Callable[[Floats], Floats]
    back: Callable[[], nn.Module]
    above: float = -np.inf


TRANSFORMS: dict[str, Transform] = {
    "none": Transform(lambda y: y, nn.Identity),
    "log": Transform(np.log, Exp, above=0.0),
    "log1p": Transform(np.log1p, ExpMinus1, above=-1.0),
    "asinh": Transform(np.arcsinh, Sinh),
}


class TargetScale(nn.Module):
    """From the network's answer to the quantity in its own unit.

    **Shape**
        - input: any, standardised
        - output: the same

    Args:
        mean: of what is learnt, over the training rows.
        deviation: likewise.
        transform: a key of `TRANSFORMS`.
        lowest: what is learnt is taken to be at least this before it is taken back.
        highest: likewise at most.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, mean: float, deviation: float, transform: str = "none", lowest: float = 0.0, highest: float = 0.0
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))
        self.transform = transform
        self.bounded = transform != "none"
        self.lowest, self.highest = float(lowest), float(highest)
        self.back = TRANSFORMS[transform].back()

    def forward(self, standardised: Tensor) -> Tensor:
        """The quantity."""
        learnt = standardised * self.deviation + self.mean
        if self.bounded:
            learnt = torch.clamp(learnt, self.lowest, self.highest)
        quantity: Tensor = self.back(learnt)
        return quantity

    def standardised(self, quantity: Floats) -> npt.NDArray[np.float32]:
        """What the network learns of quantities [N]."""
        learnt = TRANSFORMS[self.transform].there(quantity)
        scaled: npt.NDArray[np.float32] = ((learnt - float(self.mean)) / float(self.deviation)).astype(np.float32)
        return scaled


def fit(quantity: Floats, transform: str = "none") -> TargetScale:
    """The scale of training quantities [N].

    A transform's inverse grows fast: far from what was seen, the network's answer is cut off one whole range beyond
    the lowest and the highest value learnt from, so that no row makes it infinite.
    """
    learnt = TRANSFORMS[transform].there(quantity)
    low, high = float(learnt.min()), float(learnt.max())
    span = high - low
    return TargetScale(float(learnt.mean()), spread(quantity, transform), transform, low - span, high + span)


def spread(quantity: Floats, transform: str = "none") -> float:
    """The standard deviation of what is learnt of quantities [N]; 1 where there is none."""
    return float(TRANSFORMS[transform].there(quantity).std()) or 1.0
