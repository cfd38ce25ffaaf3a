"""The training loop: seeded, stopped early on validation, guarded against divergence.

It trains a network on preprocessed tensors; what is around the network does not change with training.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.errors import DivergedError, ModelError
from model.recipe.sections import Training
from model.training.losses import Loss
from model.training.progress import Watcher
from model.training.run_folder import RunFolder


@dataclass(frozen=True)
class Rows:
    """Preprocessed inputs of the network, each [N, …], and targets: [N] float32 standardised, or int64 classes."""

    inputs: tuple[Tensor, ...]
    target: Tensor

    def to(self, device: torch.device) -> Rows:
        """The same on a device."""
        return Rows(tuple(tensor.to(device) for tensor in self.inputs), self.target.to(device))

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[Rows]:
        """Stretches of at most `size` rows, in `order`."""
        for start in range(0, len(self.target), size):
            rows = slice(start, start + size) if order is None else order[start : start + size]
            yield Rows(tuple(tensor[rows] for tensor in self.inputs), self.target[rows])


@dataclass(frozen=True)
class Epoch:
    """Mean losses of one epoch: of training while it went on, of validation after it."""

    number: int
    train_loss: float
    validation_loss: float


@dataclass(frozen=True)
class History:
    """All epochs, and which one's weights were kept."""

    epochs: tuple[Epoch, ...]
    best: int


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
}


def device(choice: str) -> torch.device:
    """The device for `auto`, `cpu` or `gpu`; raises ModelError where there is no GPU to use."""
    available = torch.cuda.is_available()
    if choice == "gpu" and not available:
        raise ModelError("There is no GPU that this PyTorch can use; train with --device cpu.")
    return torch.device("cuda" if available and choice != "cpu" else "cpu")


# Multiply-adds of one step from which a second thread is worth waking, roughly 1 ms of one core.
_WORK_FOR_THREADS = 20_000_000


def threads(network: nn.Module, batch_size: int) -> int:
    """How many CPU threads train a network: one for small steps, else as many as torch would use.

    Sharing a step of microseconds costs more than it saves; beside other busy processes, where the threads wait
    for one another, it took more than ten times as long. One thread also sums in the same order on any machine.
    """
    # Of an embedding's table a row is looked up, not multiplied by all.
    tables = {id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding)}
    work = batch_size * sum(parameter.numel() for parameter in network.parameters() if id(parameter) not in tables)
    return 1 if work < _WORK_FOR_THREADS else torch.get_num_threads()


@contextlib.contextmanager
def _limited(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit(
    network: nn.Module, train: Rows, validation: Rows, loss: Loss, settings: Training,
    watcher: Watcher | None = None, folder: RunFolder | None = None,
) -> History:  # fmt: skip
    """Train a network in place, and leave it with the weights of its best epoch.

    The same seed gives the same weights on the same machine's CPU; the caller's random state is left as it was.

    Args:
        network: inputs of `train` → outputs that `loss` takes.
        train: what is learnt from.
        validation: what decides when to stop: after `patience` epochs without a lower loss.
        loss: of (output, target), a mean over rows.
        settings: optimizer, learning rate, batch size, epochs, patience, seed, device.
        watcher: told of every epoch.
        folder: gets the log and the checkpoint.

    Raises:
        DivergedError: a loss is no longer a finite number.
    """
    where = device(settings.device)
    network.to(where)
    train, validation = train.to(where), validation.to(where)
    optimizer = OPTIMIZERS[settings.optimizer](network.parameters(), lr=settings.learning_rate)
    shuffle = torch.Generator().manual_seed(settings.seed)
    epochs: list[Epoch] = []
    best, best_weights = 0, _weights(network)
    started = time.monotonic()
    random_state = torch.random.fork_rng(devices=[where] if where.type == "cuda" else [])
    with random_state, _limited(threads(network, settings.batch_size)):
        torch.manual_seed(settings.seed)  # dropout draws from the global generator
        for number in range(1, settings.epochs + 1):
            order = torch.randperm(len(train.target), generator=shuffle).to(where)
            train_loss = _one_epoch(network, train, order, loss, optimizer, settings.batch_size)
            epoch = Epoch(number, train_loss, mean_loss(network, validation, loss))
            _check_finite(epoch, settings)
            epochs.append(epoch)
            if not best or epoch.validation_loss < epochs[best - 1].validation_loss:
                best, best_weights = number, _weights(network)
                if folder is not None:
                    folder.checkpoint(best_weights)
            if folder is not None:
                folder.log({"epoch": number, "train_loss": epoch.train_loss, "validation_loss": epoch.validation_loss,
                            "best_epoch": best, "seconds": round(time.monotonic() - started, 3)})  # fmt: skip
            if watcher is not None:
                watcher(number, epoch.validation_loss, best)
            if number - best >= settings.patience:
                break
    network.load_state_dict(best_weights)
    network.cpu().eval()
    return History(tuple(epochs), best)


def mean_loss(network: nn.Module, rows: Rows, loss: Loss, batch_size: int = 8192) -> float:
    """The loss over all rows, without training."""
    network.eval()
    total = 0.0
    with torch.no_grad():
        for batch in rows.batches(batch_size):
            total += float(loss(network(*batch.inputs), batch.target)) * len(batch.target)
    return total / len(rows.target)


def _one_epoch(
    network: nn.Module, rows: Rows, order: Tensor, loss: Loss, optimizer: torch.optim.Optimizer, batch_size: int
) -> float:
    """One pass over the rows; returns the mean loss."""
    network.train()
    # Summed on the device: reading a number back after every batch would hold up a GPU.
    total = torch.zeros((), device=rows.target.device)
    for batch in rows.batches(batch_size, order):
        optimizer.zero_grad()
        value = loss(network(*batch.inputs), batch.target)
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += value.detach() * len(batch.target)
    return float(total) / len(rows.target)


def _check_finite(epoch: Epoch, settings: Training) -> None:
    if not (math.isfinite(epoch.train_loss) and math.isfinite(epoch.validation_loss)):
        raise DivergedError(
            f"Training diverged in epoch {epoch.number}: the loss is not a finite number any more;"
            f" try a lower [training] learning_rate than {settings.learning_rate:g}."
        )


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
