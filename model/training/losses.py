"""Losses: what training minimises, as a value of each row, so that batches and processes can share rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from mulgam.signature import Task

# Below it RMSLE's logarithm goes on along its tangent: at -1 it ends, and a constant would give no way back.
LOWEST_LOGARITHM = -0.99


@dataclass(frozen=True)
class Loss:
    """A mean over rows, or the root of one.

    Attributes:
        rows: output [N, 1] or [N, K] of the network and target [N] → [N].
        root: whether the square root of the mean is the loss.
    """

    rows: Callable[[Tensor, Tensor], Tensor]
    root: bool = False

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss of some rows, a scalar."""
        return self.whole(self.rows(output, target).mean())

    def whole(self, mean: Tensor) -> Tensor:
        """The loss of rows whose values have this mean."""
        return mean.sqrt() if self.root else mean

    def slope(self, mean: Tensor) -> Tensor:
        """d loss / d mean: what the gradient of a mean of some rows is multiplied by to be that of the whole loss."""
        return 0.5 / mean.clamp(min=torch.finfo(mean.dtype).eps).sqrt() if self.root else torch.ones_like(mean)


def _of_column(loss: Callable[..., Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """A regression network gives [N, 1], its target is [N]; broadcasting the two would compare all with all."""
    return lambda output, target: loss(output.squeeze(1), target, reduction="none")


def _logarithm(value: Tensor) -> Tensor:
    """log(1 + value), continued along its tangent below `LOWEST_LOGARITHM`."""
    above = value.clamp(min=LOWEST_LOGARITHM)
    return torch.log1p(above) + (value - above) / (1 + LOWEST_LOGARITHM)


def _squared_logarithmic(output: Tensor, target: Tensor, reduction: str) -> Tensor:
    return functional.mse_loss(_logarithm(output), _logarithm(target), reduction=reduction)


def _cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    return functional.cross_entropy(output, target, reduction="none")


# The first of each task is its default. Cross-entropy takes logits and applies softmax itself.
LOSSES: Mapping[Task, Mapping[str, Loss]] = {
    "regression": {
        "mse": Loss(_of_column(functional.mse_loss)),
        "mae": Loss(_of_column(functional.l1_loss)),
        "rmse": Loss(_of_column(functional.mse_loss), root=True),
        "rmsle": Loss(_of_column(_squared_logarithmic), root=True),
        "huber": Loss(_of_column(functional.huber_loss)),
    },
    "classification": {"cross_entropy": Loss(_cross_entropy)},
}
# Of quantities in their own unit; all others compare the network's own, which are standardised.
IN_OWN_UNIT = frozenset({"rmsle"})
ABOVE = -1.0  # the targets of those


def default(task: Task) -> str:
    """The loss of a task where the recipe names none."""
    return next(iter(LOSSES[task]))


def in_unit(loss: Loss, own_unit: Callable[[Tensor], Tensor]) -> Loss:
    """A loss whose quantities are taken back to their own unit before they are compared."""
    return replace(loss, rows=lambda output, target: loss.rows(own_unit(output), own_unit(target)))


def weighted(loss: Loss, weights: Tensor) -> Loss:
    """A loss in which each row counts by the weight [K] of its class."""
    return replace(loss, rows=lambda output, target: loss.rows(output, target) * weights.to(target.device)[target])


def class_weights(choice: str | Mapping[str, float], classes: Sequence[str], target: Tensor) -> Tensor | None:
    """The weight [K] of each class, scaled such that a training row weighs 1 on average; None: all alike.

    Args:
        choice: `none`; `balanced`: the rarer a class, the heavier, so that all classes count the same together
            (King and Zeng 2001, as in scikit-learn); or class → weight, 1 where a class is not named.
        classes: names of the classes, in order.
        target: class numbers of the training rows [N].
    """
    if choice == "none":
        return None
    counts = torch.bincount(target, minlength=len(classes)).double()
    if isinstance(choice, str):
        weights = 1 / counts.clamp(min=1)
    else:
        weights = torch.tensor([choice.get(name, 1.0) for name in classes], dtype=torch.float64)
    return (weights * counts.sum() / (weights * counts).sum()).float()
