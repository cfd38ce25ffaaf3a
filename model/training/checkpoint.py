"""Checkpoints: all that a training needs to go on as if nothing had happened, saved now and then."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor, nn

from model.training import processes
from model.training.history import Epoch, History
from model.training.run_folder import RunFolder

Weights = dict[str, Tensor]

_SECONDS_BETWEEN = 3.0
# Saving takes at most this share of the time.
_SHARE = 0.05


class Checkpoint:
    """The state of one training between two epochs.

    What is drawn at random in an epoch comes from the seed and the epoch's number (dropout) and from `shuffle`, the
    learning rate from the number of the step: so this is all there is.

    Args:
        network: in training.
        optimizer: of the network.
        shuffle: draws the order of the rows.
        folder: where to save; None: nowhere.
    """

    def __init__(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, shuffle: torch.Generator, folder: RunFolder | None
    ) -> None:
        self._network, self._optimizer, self._shuffle, self._folder = network, optimizer, shuffle, folder
        self._next = 0.0

    def restored(self) -> tuple[History, Weights, float]:
        """The history so far, the best epoch's weights and the seconds spent; the parts are set to where they were."""
        state = processes.from_first(None if self._folder is None else self._folder.saved())
        if state is None:
            return History((), 0), weights(self._network), 0.0
        self._network.load_state_dict(state["weights"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._shuffle.set_state(state["shuffle"])
        epochs = tuple(Epoch(number, *losses) for number, losses in enumerate(state["epochs"].tolist(), start=1))
        return History(epochs, state["best"]), state["best_weights"], state["seconds"]

    def save(self, history: History, best_weights: Weights, seconds: float, *, now: bool) -> None:
        """Save if it is time to, or `now`.

        Raises:
            ModelError: the folder can't be written.
        """
        if self._folder is None or (not now and time.monotonic() < self._next):
            return
        started = time.monotonic()
        state: dict[str, Any] = {
            "epochs": torch.tensor(
                [(epoch.train_loss, epoch.validation_loss) for epoch in history.epochs], dtype=torch.float64
            ),
            "best": history.best,
            "best_weights": best_weights,
            "weights": weights(self._network),
            "optimizer": self._optimizer.state_dict(),
            "shuffle": self._shuffle.get_state(),
            "seconds": seconds,
        }
        self._folder.save(state)
        ended = time.monotonic()
        self._next = ended + max(_SECONDS_BETWEEN, (ended - started) / _SHARE)


def weights(network: nn.Module) -> Weights:
    """A copy of a network's weights, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
