"""The training loop: seeded, stopped early on validation, guarded against divergence.

It trains a network on preprocessed tensors; what is around the network does not change with training.
"""

from __future__ import annotations

import math
import os
import time

import numpy as np
import torch
from torch import nn

from model.errors import DivergedError, ModelError
from model.recipe.sections import Training
from model.training import checkpoint, processes, threads
from model.training.checkpoint import Checkpoint
from model.training.history import Epoch, History
from model.training.losses import Loss
from model.training.optimizers import optimizer
from model.training.progress import Watcher
from model.training.rows import Rows
from model.training.run_folder import RunFolder
from model.training.steps import Steps


def device(choice: str) -> torch.device:
    """The device for `auto`, `cpu` or `gpu`; raises ModelError where there is no GPU to use."""
    available = torch.cuda.is_available()
    if choice == "gpu" and not available:
        raise ModelError("There is no GPU that this PyTorch can use; train with --device cpu.")
    if not available or choice == "cpu":
        return torch.device("cpu")
    if int(os.environ.get("LOCAL_WORLD_SIZE", "1")) > torch.cuda.device_count():
        raise ModelError(f"Each process needs a GPU of its own, and there are {torch.cuda.device_count()}.")
    return torch.device("cuda")


def fit(
    network: nn.Module, train: Rows, validation: Rows, loss: Loss, settings: Training,
    watcher: Watcher | None = None, folder: RunFolder | None = None,
) -> History:  # fmt: skip
    """Train a network in place, and leave it with the weights of its best epoch.

    The same seed gives the same weights on the same machine's CPU, also where a checkpoint in `folder` is gone on
    with; the caller's random state is left as it was. Several processes (`processes.joined`) share each batch.

    Args:
        network: inputs of `train` → outputs that `loss` takes.
        train: what is learnt from.
        validation: what decides when to stop: after `patience` epochs without a lower loss.
        loss: of (output, target).
        settings: optimizer, schedule, batch size, epochs, patience, seed, device, precision.
        watcher: told of every epoch.
        folder: gets the log and the checkpoints.

    Raises:
        DivergedError: a loss is no longer a finite number.
        ModelError: the folder can't be written.
    """
    where = device(settings.device)
    network.to(where)
    train, validation = train.to(where), validation.to(where)
    steps = Steps(network, loss, optimizer(network, settings), settings)
    shuffle = torch.Generator().manual_seed(settings.seed)
    state = Checkpoint(network, steps.optimizer, shuffle, folder)
    history, best_weights, spent = state.restored()
    started = time.monotonic() - spent
    random_state = torch.random.fork_rng(devices=[where] if where.type == "cuda" else [])
    with random_state, threads.limited(threads.suited(network, settings.batch_size)):
        while not history.is_over(settings.epochs, settings.patience):
            number = len(history.epochs) + 1
            torch.manual_seed(_seed(settings.seed, number))  # dropout draws from the global generator
            order = torch.randperm(len(train.target), generator=shuffle).to(where)
            train_loss = steps.epoch(train.batches(settings.batch_size, order), len(train.target), number)
            epoch = Epoch(number, train_loss, mean_loss(network, validation, loss))
            _check_finite(epoch, settings)
            history = history.and_then(epoch)
            seconds = time.monotonic() - started
            if history.best == number:
                best_weights = checkpoint.weights(network)
            state.save(history, best_weights, seconds, now=history.is_over(settings.epochs, settings.patience))
            if folder is not None:
                folder.log("epoch", epoch=number, train_loss=epoch.train_loss, validation_loss=epoch.validation_loss,
                           best_epoch=history.best, seconds=round(seconds, 3))  # fmt: skip
            if watcher is not None:
                watcher(number, epoch.validation_loss, history.best)
    network.load_state_dict(best_weights)
    network.cpu().eval()
    return history


def mean_loss(network: nn.Module, rows: Rows, loss: Loss, batch_size: int = 512) -> float:
    """The loss over all rows, without training; each process takes its share of them."""
    network.eval()
    total = torch.zeros((), dtype=torch.float64)
    mine = processes.share(len(rows.target))
    with torch.no_grad():
        for batch in rows.of(mine).batches(batch_size):
            total += loss.rows(network(*batch.inputs), batch.target).double().sum().cpu()
    return float(loss.whole(processes.add_up(total) / len(rows.target)))


def _seed(seed: int, epoch: int) -> int:
    """What an epoch's random draws start from, in each process another: no two epochs drop the same values."""
    return int(np.random.SeedSequence([seed, epoch, processes.number()]).generate_state(1, np.uint64)[0])


def _check_finite(epoch: Epoch, settings: Training) -> None:
    if not (math.isfinite(epoch.train_loss) and math.isfinite(epoch.validation_loss)):
        raise DivergedError(
            f"Training diverged in epoch {epoch.number}: the loss is not a finite number any more;"
            f" try a lower [training] learning_rate than {settings.learning_rate:g}."
        )
