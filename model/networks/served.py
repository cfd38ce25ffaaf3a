"""The served module: preprocess → network → head, from encoded rows to the answer, as it is exported.

Its graph inputs come one by one in the signature's order: `numeric`, `categories`, `text`, those that the model has.
"""

# No `from __future__ import annotations`: TorchScript can't read the buffers' types from strings.
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from model.data.graph_inputs import encoded, size
from model.data.table import Table
from model.networks import piecewise, preprocessing
from model.networks.categories import Categories
from model.networks.network import Network, mlp
from model.networks.ngrams import NGrams
from model.networks.periodic import Periodic
from model.recipe.sections import Recipe
from model.training.loop import Rows
from mulgam.encoding import Arrays
from mulgam.signature import NUMERIC, Feature


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


def build(recipe: Recipe, table: Table, features: tuple[Feature, ...], train: npt.NDArray[np.int64]) -> Served:
    """An untrained served module; preprocessing and target scale are fitted on the training rows, weights are seeded.

    Args:
        recipe: the network and the seed.
        table: all rows.
        features: of the table, as the signature tells them.
        train: numbers of the training rows.
    """
    steps: nn.Module = nn.Identity()
    if table.numbers:
        steps = preprocessing.fit(table.numeric[train], one_scale=table.one_scale)
    inputs = encoded(table, features, train)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.training.seed)
        network = _network(recipe, table, features, steps, inputs)
    if table.classes:
        return ServedClassifier(steps, network)
    target = table.target[train]
    return ServedRegressor(steps, network, float(target.mean()), float(target.std()) or 1.0)


def _network(recipe: Recipe, table: Table, features: tuple[Feature, ...], steps: nn.Module, inputs: Arrays) -> Network:
    """A stem for each input that the table has, and the body that the recipe asks for."""
    stems: list[nn.Module] = []
    width = 0
    if table.numbers:
        columns = steps(torch.from_numpy(inputs[NUMERIC]))
        stem, wide = _number_stem(recipe.network.kind, columns)
        stems.append(stem)
        width += wide
    if table.words:
        sizes = [size(feature) for feature in features if feature.type in ("category", "boolean")]
        stems.append(categories := Categories(sizes))
        width += categories.width
    if table.text is not None:
        stems.append(ngrams := NGrams())
        width += ngrams.width
    shape = recipe.network
    return Network(stems, mlp(width, shape.hidden, max(len(table.classes), 1), shape.activation, shape.dropout))


def _number_stem(kind: str | None, columns: Tensor) -> tuple[nn.Module, int]:
    """What takes preprocessed numbers, and how many columns it gives; fitted on those of training."""
    if kind in ("ple", "ngram"):
        pieces = piecewise.fit(columns)
        return pieces, pieces.width
    if kind == "periodic":
        waves = Periodic(columns.shape[1])
        return waves, waves.width
    return nn.Identity(), columns.shape[1]


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
