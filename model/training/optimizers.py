"""Optimisers, and how the learning rate goes over a run."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from model.recipe.sections import Training

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
}
MOMENTUM = 0.9  # of sgd
DECAY = 0.01  # of adamw
# Of one cycle: the share of the way up, and with which shares of the highest rate it begins and ends.
_RISE, _FIRST = 0.3, 1 / 25
_LAST = _FIRST / 10_000


def momentum(settings: Training) -> float:
    """The recipe's momentum, or the optimiser's default."""
    default = MOMENTUM if settings.optimizer == "sgd" else 0.0
    return default if settings.momentum is None else settings.momentum


def weight_decay(settings: Training) -> float:
    """The recipe's weight decay, or the optimiser's default."""
    default = DECAY if settings.optimizer == "adamw" else 0.0
    return default if settings.weight_decay is None else settings.weight_decay


def optimizer(network: nn.Module, settings: Training) -> torch.optim.Optimizer:
    """The optimiser that a recipe asks for.

    `weight_decay` is that of AdamW (Loshchilov and Hutter 2019); with the others it is added to the gradient.
    """
    further = {"momentum": momentum(settings)} if settings.optimizer == "sgd" else {}
    return OPTIMIZERS[settings.optimizer](
        network.parameters(), lr=settings.learning_rate, weight_decay=weight_decay(settings), **further
    )


def _constant(passed: float) -> float:
    return 1.0


def _cosine(passed: float) -> float:
    """Half a cosine from 1 to 0 (Loshchilov and Hutter 2017, without restarts)."""
    return 0.5 * (1.0 + math.cos(math.pi * passed))


def _step(passed: float) -> float:
    """A tenth after half of the way, a hundredth after three quarters (He et al. 2016)."""
    return 1.0 if passed < 0.5 else 0.1 if passed < 0.75 else 0.01


def _one_cycle(passed: float) -> float:
    """From a 25th up to 1 over the first three tenths, then down to almost nothing, each by half a cosine.

    Smith and Topin 2019 ("super-convergence", arXiv 1708.07120), with the shares of torch's `OneCycleLR`; momentum
    stays as it is.
    """
    if passed < _RISE:
        return 1.0 + (_FIRST - 1.0) * _cosine(passed / _RISE)
    return _LAST + (1.0 - _LAST) * _cosine((passed - _RISE) / (1.0 - _RISE))


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "step": _step,
    "one_cycle": _one_cycle,
}


def learning_rate(settings: Training, epoch: float) -> float:
    """The learning rate of a step, by the epochs before it: a plain function, so that a resumed run goes on with it.

    Args:
        settings: learning rate, schedule, warm-up and number of epochs.
        epoch: epochs that went before the step, parts of one included (0 is the first step).
    """
    if epoch < settings.warmup:
        # Not from 0, where the first step would do nothing.
        return settings.learning_rate * max(epoch / settings.warmup, 0.01)
    passed = (epoch - settings.warmup) / max(settings.epochs - settings.warmup, 1)
    return settings.learning_rate * SCHEDULES[settings.schedule](passed)
