"""Losses: what training minimises."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor
from torch.nn import functional

from mulgam.signature import Task

Loss = Callable[[Tensor, Tensor], Tensor]


def _of_column(loss: Loss) -> Loss:
    """A regression network gives [N, 1], its target is [N]; broadcasting the two would compare all with all."""
    return lambda output, target: loss(output.squeeze(1), target)


# The first of each task is its default. Cross-entropy takes logits and applies softmax itself.
LOSSES: Mapping[Task, Mapping[str, Loss]] = {
    "regression": {
        "mse": _of_column(functional.mse_loss),
        "mae": _of_column(functional.l1_loss),
        "huber": _of_column(functional.huber_loss),
    },
    "classification": {"cross_entropy": functional.cross_entropy},
}


def default(task: Task) -> str:
    """The loss of a task where the recipe names none."""
    return next(iter(LOSSES[task]))
