"""How many CPU threads torch computes with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

# Multiply-adds of one step from which a second thread is worth waking, roughly 1 ms of one core.
_WORK_FOR_THREADS = 20_000_000


def suited(network: nn.Module, batch_size: int) -> int:
    """How many CPU threads train a network: one for small steps, else as many as torch would use.

    Sharing a step of microseconds costs more than it saves; beside other busy processes, where the threads wait
    for one another, it took more than ten times as long. One thread also sums in the same order on any machine.
    """
    # Of an embedding's table a row is looked up, not multiplied by all.
    tables = {id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding)}
    work = batch_size * sum(parameter.numel() for parameter in network.parameters() if id(parameter) not in tables)
    return 1 if work < _WORK_FOR_THREADS else torch.get_num_threads()


@contextlib.contextmanager
def limited(count: int) -> Iterator[None]:
    """So many threads within, and afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
