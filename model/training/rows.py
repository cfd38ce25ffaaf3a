"""Rows as the network sees them in training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Preprocessed inputs of the network, each [N, …], and targets: [N] float32 standardised, or int64 classes."""

    inputs: tuple[Tensor, ...]
    target: Tensor

    def to(self, device: torch.device) -> Rows:
        """The same on a device."""
        return Rows(tuple(tensor.to(device) for tensor in self.inputs), self.target.to(device))

    def of(self, rows: slice | Tensor) -> Rows:
        """Some of the rows."""
        return Rows(tuple(tensor[rows] for tensor in self.inputs), self.target[rows])

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[Rows]:
        """Stretches of at most `size` rows, in `order`."""
        for start in range(0, len(self.target), size):
            rows = slice(start, start + size)
            yield self.of(rows if order is None else order[rows])
