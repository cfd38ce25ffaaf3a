"""Steps of an optimiser: forward, loss, gradients of all processes, clipping, learning rate."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from model.recipe.sections import Training
from model.training import processes
from model.training.losses import Loss
from model.training.optimizers import learning_rate
from model.training.rows import Rows


class Steps:
    """Trains a network, batch by batch.

    Args:
        network: inputs → outputs that `loss` takes.
        loss: of (output, target).
        optimizer: of the network.
        settings: learning rate and its schedule, batch size, clipping, precision.
    """

    def __init__(self, network: nn.Module, loss: Loss, optimizer: torch.optim.Optimizer, settings: Training) -> None:
        self.optimizer = optimizer
        self._network, self._loss, self._settings = network, loss, settings

    def epoch(self, batches: Iterator[Rows], rows: int, number: int) -> float:
        """Train on batches that have so many rows together; returns their loss while the weights changed."""
        self._network.train()
        steps = math.ceil(rows / self._settings.batch_size)
        # Summed on the device: reading a number back after every batch would hold up a GPU.
        total: Tensor | None = None
        for step, batch in enumerate(batches):
            self._set_learning_rate(number - 1 + step / steps)
            value = self._step(batch)
            total = value if total is None else total + value
        assert total is not None  # a table has rows
        return float(self._loss.whole(processes.add_up(total.double()) / rows))

    def _step(self, batch: Rows) -> Tensor:
        """One step; returns the sum of the loss over this process's rows of the batch."""
        rows = len(batch.target)
        self.optimizer.zero_grad()
        total = self._forward(batch.of(processes.share(rows)))
        mean = processes.add_up(total.detach() / rows) if self._loss.root else total.detach()
        (total / rows * self._loss.slope(mean)).backward()  # type: ignore[no-untyped-call]
        processes.add_up_gradients(self._network)
        if self._settings.clip:
            nn.utils.clip_grad_norm_(self._network.parameters(), self._settings.clip)
        self.optimizer.step()
        return total.detach()

    def _forward(self, batch: Rows) -> Tensor:
        """The sum of the loss over rows; the loss itself is reckoned in float32 whatever the network's precision."""
        if not len(batch.target):  # more processes than rows in the last batch
            return torch.zeros((), device=batch.target.device, requires_grad=True)
        mixed = self._settings.precision == "bfloat16"
        with torch.autocast(batch.target.device.type, torch.bfloat16, enabled=mixed):
            output = self._network(*batch.inputs)
        return self._loss.rows(output.float(), batch.target).sum()

    def _set_learning_rate(self, epoch: float) -> None:
        rate = learning_rate(self._settings, epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
