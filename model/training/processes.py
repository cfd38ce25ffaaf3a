"""Several processes that train one model, as torchrun starts them; one alone where it did not.

Each takes its share of every batch, gradients are added up, and the first alone writes and prints.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

import torch

# Not used: an optimiser imports it, and its functions keep the group they find as the default of a parameter. Imported
# in the middle of a training, that is ours, whose threads then outlive `destroy_process_group` and abort the process
# at its end, now and then.
import torch.distributed.nn
from torch import Tensor, distributed, nn

from model.errors import ModelError

Shared = TypeVar("Shared")

# What torchrun and its like set; without all of them a process is alone.
_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
# The others wait while the first reads, writes and scores.
_PATIENCE = timedelta(hours=6)
_SECONDS_OF_SILENCE = 5.0


def number() -> int:
    """Which process this is; the first is 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def first() -> bool:
    """Whether this process is the one that writes and prints."""
    return number() == 0


def leave_the_word_to_the_first() -> None:
    """Let the first process, which usually fails alike, say so: torchrun then ends this one in its sleep."""
    if not first():
        time.sleep(_SECONDS_OF_SILENCE)


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Work with the processes that torchrun started, for the length of a block; alone without torchrun.

    Raises:
        ModelError: the others can't be reached.
    """
    if not all(os.environ.get(name) for name in _VARIABLES) or os.environ["WORLD_SIZE"] == "1":
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    try:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=_PATIENCE)
    except (RuntimeError, ValueError) as problem:
        raise ModelError(f"The other training processes can't be reached: {_line(problem)}.") from problem
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(sys.stdout if first() else nowhere):
        yield
    # Not after an error: it would wait for what the others still owe, and torchrun ends those.
    distributed.destroy_process_group()


def share(rows: int) -> slice:
    """The stretch of `rows` rows that is this process's."""
    return slice(rows * number() // count(), rows * (number() + 1) // count())


def add_up(value: Tensor) -> Tensor:
    """The sum of a tensor over all processes, in place; raises ModelError where one of them is gone."""
    if count() > 1:
        with _all_there():
            distributed.all_reduce(value)
    return value


def add_up_gradients(network: nn.Module) -> None:
    """Replace each gradient by its sum over all processes, in one message; a missing one counts as 0."""
    if count() == 1:
        return
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    summed = add_up(torch.cat([gradient.flatten() for gradient in gradients]))
    _copy(summed, gradients)


def from_first(value: Shared) -> Shared:
    """The first process's value, in all of them; raises ModelError where one of them is gone."""
    if count() == 1:
        return value
    box = [value]
    with _all_there():
        distributed.broadcast_object_list(box)
    return box[0]


@contextlib.contextmanager
def _all_there() -> Iterator[None]:
    try:
        yield
    except RuntimeError as problem:  # gloo's and NCCL's, several lines long
        raise ModelError("Another training process has ended, and this one can't go on without it.") from problem


def _copy(flat: Tensor, tensors: Iterable[Tensor]) -> None:
    start = 0
    for tensor in tensors:
        tensor.copy_(flat[start : start + tensor.numel()].view_as(tensor))
        start += tensor.numel()


def _line(problem: BaseException) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0].rstrip(".")
