"""The served module: preprocess → network → head, from raw numbers to the answer, as it is exported."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from model import preprocessing
from model.network import mlp
from model.preprocessing import Preprocessing
from model.recipe import Recipe
from model.table import Table
from model.training import Rows
from mulgam.encoding import Arrays
from mulgam.signature import NUMERIC


class ServedRegressor(nn.Module):
    """Gives the quantity in the target's own unit; the network learns it standardised.

    **Shape**
        - numeric: [N, F]
        - output: [N]

    Args:
        preprocessing: fitted on training rows.
        network: [N, columns] → [N, 1].
        mean: of the training target.
        deviation: of the training target.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, preprocessing: Preprocessing, network: nn.Module, mean: float, deviation: float) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        self.network = network
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))

    def forward(self, numeric: Tensor) -> Tensor:
        """The quantity."""
        standardised: Tensor = self.network(self.preprocessing(numeric)).squeeze(1)
        return standardised * self.deviation + self.mean


class ServedClassifier(nn.Module):
    """Gives probabilities. The network learns on logits; softmax is only here, so it is never applied twice.

    **Shape**
        - numeric: [N, F]
        - output: [N, K], rows sum to 1

    Args:
        preprocessing: fitted on training rows.
        network: [N, columns] → logits [N, K].
    """

    def __init__(self, preprocessing: Preprocessing, network: nn.Module) -> None:
        super().__init__()
        self.preprocessing = preprocessing
        self.network = network

    def forward(self, numeric: Tensor) -> Tensor:
        """The probabilities."""
        return torch.softmax(self.network(self.preprocessing(numeric)), dim=1)


Served = ServedRegressor | ServedClassifier


def build(recipe: Recipe, table: Table, train: npt.NDArray[np.int64]) -> Served:
    """An untrained served module; preprocessing and target scale are fitted on the training rows, weights are seeded.

    Args:
        recipe: the network and the seed.
        table: all rows.
        train: numbers of the training rows.
    """
    steps = preprocessing.fit(table.numeric[train], one_scale=table.one_scale)
    shape = recipe.network
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.training.seed)
        network = mlp(steps.width, shape.hidden, max(len(table.classes), 1), shape.activation, shape.dropout)
    if table.classes:
        return ServedClassifier(steps, network)
    target = table.target[train]
    return ServedRegressor(steps, network, float(target.mean()), float(target.std()) or 1.0)


def encoded(table: Table, rows: npt.NDArray[np.int64]) -> Arrays:
    """Rows of a table as graph inputs, equal to what the signature's encoder makes of them."""
    return {NUMERIC: table.numeric[rows].astype(np.float32)}


def prepared(module: Served, table: Table, rows: npt.NDArray[np.int64]) -> Rows:
    """Rows as the network sees them in training: preprocessed columns, standardised target or class numbers."""
    with torch.no_grad():
        columns = module.preprocessing(torch.from_numpy(encoded(table, rows)[NUMERIC]))
    if isinstance(module, ServedClassifier):
        return Rows(columns, torch.from_numpy(table.target[rows]))
    standardised = (table.target[rows] - float(module.mean)) / float(module.deviation)
    return Rows(columns, torch.from_numpy(standardised.astype(np.float32)))


def answers(module: nn.Module, inputs: Arrays, batch_size: int = 8192) -> npt.NDArray[np.float32]:
    """What the module answers to graph inputs, [N] or [N, K]."""
    numeric = torch.from_numpy(inputs[NUMERIC])
    with torch.no_grad():
        return torch.cat([module(batch) for batch in torch.split(numeric, batch_size)]).numpy()
