"""The served module: preprocess → network → head, from encoded rows to the answer, as it is exported.

Its graph inputs come one by one in the signature's order: `numeric`, `categories`, `text`, those that the model has.
"""

# No `from __future__ import annotations`: TorchScript can't read the buffers' types from strings.
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from model.data.batches import answered
from model.networks.preprocessing import applied
from model.networks.target_scale import TargetScale
from model.training import threads
from model.training.rows import Rows
from mulgam.tensors import Arrays


class ServedRegressor(nn.Module):
    """Gives the quantity in the target's own unit; the network learns it standardised, or a transform of it.

    **Shape**
        - inputs: those of the graph, [N, …]
        - output: [N]

    Args:
        preprocessing: of the first input, fitted on training rows.
        network: preprocessed inputs → [N, 1].
        scale: the network's answer → the quantity.
    """

    def __init__(self, preprocessing: nn.Module, network: nn.Module, scale: TargetScale) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        self.network = network
        self.scale = scale

    def forward(self, first: Tensor, second: Tensor | None = None, third: Tensor | None = None) -> Tensor:
        """The quantity."""
        quantity: Tensor = self.scale(self.network(self.preprocessing(first), second, third).squeeze(1))
        return quantity


class ServedClassifier(nn.Module):
    """Gives probabilities. The network learns on logits; softmax is only here, so it is never applied twice.

    **Shape**
        - inputs: those of the graph, [N, …]
        - output: [N, K], rows sum to 1

    Args:
        preprocessing: of the first input, fitted on training rows.
        network: preprocessed inputs → logits [N, K], which are divided by `temperature` (1 until it is fitted).
    """

    temperature: Tensor

    def __init__(self, preprocessing: nn.Module, network: nn.Module) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        self.network = network
        self.register_buffer("temperature", torch.tensor(1.0))

    def forward(self, first: Tensor, second: Tensor | None = None, third: Tensor | None = None) -> Tensor:
        """The probabilities."""
        logits = self.network(self.preprocessing(first), second, third)
        return torch.softmax(logits / self.temperature, dim=1)


Served = ServedRegressor | ServedClassifier


def prepared(module: Served, inputs: Arrays, target: npt.NDArray[Any]) -> Rows:
    """Rows as the network sees them in training: preprocessed inputs, standardised target or class numbers.

    The inputs are used up, lest a large table lie in memory twice.
    """
    first, *others = (torch.from_numpy(array) for array in inputs.values())
    prepared_inputs = (applied(module.preprocessing, first), *others)
    if isinstance(module, ServedClassifier):
        return Rows(prepared_inputs, torch.from_numpy(target))
    return Rows(prepared_inputs, torch.from_numpy(module.scale.standardised(target)))


def answers(module: nn.Module, inputs: Arrays) -> npt.NDArray[np.float32]:
    """What the module answers to graph inputs, [N] or [N, K]."""

    def run(batch: Arrays) -> npt.NDArray[np.float32]:
        output: Tensor = module(*map(torch.from_numpy, batch.values()))
        return output.numpy()

    # Beside other busy processes two threads took three times the processor time of one, and more of the clock.
    with torch.no_grad(), threads.limited(1):
        return answered(run, inputs)
