"""The served module: preprocess → network → head, from encoded rows to the answer, as it is exported.

Its graph inputs come one by one in the signature's order: `numeric`, `categories`, `text`, those that the model has.
"""

# No `from __future__ import annotations`: TorchScript can't read the buffers' types from strings.
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from model.training.loop import Rows
from mulgam.encoding import Arrays


class ServedRegressor(nn.Module):
    """Gives the quantity in the target's own unit; the network learns it standardised.

    **Shape**
        - inputs: those of the graph, [N, …]
        - output: [N]

    Args:
        preprocessing: of the first input, fitted on training rows.
        network: preprocessed inputs → [N, 1].
        mean: of the training target.
        deviation: of the training target.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, preprocessing: nn.Module, network: nn.Module, mean: float, deviation: float) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        self.network = network
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))

    def forward(self, first: Tensor, second: Tensor | None = None, third: Tensor | None = None) -> Tensor:
        """The quantity."""
        standardised: Tensor = self.network(self.preprocessing(first), second, third).squeeze(1)
        return standardised * self.deviation + self.mean


class ServedClassifier(nn.Module):
    """Gives probabilities. The network learns on logits; softmax is only here, so it is never applied twice.

    **Shape**
        - inputs: those of the graph, [N, …]
        - output: [N, K], rows sum to 1

    Args:
        preprocessing: of the first input, fitted on training rows.
        network: preprocessed inputs → logits [N, K].
    """

    def __init__(self, preprocessing: nn.Module, network: nn.Module) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        self.network = network

    def forward(self, first: Tensor, second: Tensor | None = None, third: Tensor | None = None) -> Tensor:
        """The probabilities."""
        return torch.softmax(self.network(self.preprocessing(first), second, third), dim=1)


Served = ServedRegressor | ServedClassifier


def prepared(module: Served, inputs: Arrays, target: npt.NDArray[Any]) -> Rows:
    """Rows as the network sees them in training: preprocessed inputs, standardised target or class numbers."""
    first, *others = (torch.from_numpy(array) for array in inputs.values())
    with torch.no_grad():
        prepared_inputs = (module.preprocessing(first), *others)
    if isinstance(module, ServedClassifier):
        return Rows(prepared_inputs, torch.from_numpy(target))
    standardised = (target - float(module.mean)) / float(module.deviation)
    return Rows(prepared_inputs, torch.from_numpy(standardised.astype(np.float32)))


def answers(module: nn.Module, inputs: Arrays, batch_size: int = 4096) -> npt.NDArray[np.float32]:
    """What the module answers to graph inputs, [N] or [N, K]."""
    batches = zip(*(torch.split(torch.from_numpy(array), batch_size) for array in inputs.values()), strict=True)
    with torch.no_grad():
        return torch.cat([module(*batch) for batch in batches]).numpy()
