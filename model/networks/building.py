"""From a recipe and its table to an untrained served module: a stem for each input, one body, the task's head."""

from __future__ import annotations

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
from model.networks.served import Served, ServedClassifier, ServedRegressor
from model.recipe.sections import Recipe
from mulgam.encoding import Arrays
from mulgam.signature import NUMERIC, Feature


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
