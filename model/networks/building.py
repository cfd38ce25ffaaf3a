"""From a recipe and its table to an untrained served module: a stem for each input, one body, the task's head."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from model.data.graph_inputs import size
from model.data.table import Table
from model.networks import hashing, piecewise, preprocessing, target_scale
from model.networks.attention import Attention
from model.networks.categories import Categories
from model.networks.ensemble import Ensemble
from model.networks.images import Images, side
from model.networks.network import BesideLinear, Network, mlp
from model.networks.ngrams import NGrams
from model.networks.periodic import Periodic
from model.networks.recurrent import Recurrent
from model.networks.served import Served, ServedClassifier, ServedRegressor
from model.networks.words import Words
from model.recipe import sections
from model.recipe.sections import Recipe
from mulgam.signature import Feature

TextStem = NGrams | Words | Recurrent | Attention

# Kind -> what takes texts of so many code points for a network of so many outputs.
TEXT_STEMS: Mapping[str, Callable[[int, int], TextStem]] = {
    "ngram": lambda length, outputs: NGrams(*hashing.table(outputs)),
    "words": lambda length, outputs: Words(*hashing.table(outputs)),
    "gru": lambda length, outputs: Recurrent(nn.GRU),
    "lstm": lambda length, outputs: Recurrent(nn.LSTM),
    "attention": lambda length, outputs: Attention(length),
}
# Kinds that sum embeddings up, of which a linear model alone is a good one.
BAGS = frozenset({"ngram", "words"})


def build(recipe: Recipe, table: Table, features: tuple[Feature, ...], train: npt.NDArray[np.int64]) -> Served:
    """An untrained served module; preprocessing and target scale are fitted on the training rows, weights are seeded.

    Args:
        recipe: the network and the seed.
        table: all rows.
        features: of the table, as the signature tells them.
        train: numbers of the training rows.
    """
    steps, columns = _preprocessed(recipe, table, train)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.training.seed)
        network = _network(recipe, table, features, columns)
    if table.classes:
        return ServedClassifier(steps, network)
    return ServedRegressor(steps, network, target_scale.fit(table.target[train], recipe.training.target_transform))


def _preprocessed(recipe: Recipe, table: Table, train: npt.NDArray[np.int64]) -> tuple[nn.Module, Tensor]:
    """The steps before the network, and the numbers of training [N, F] after them."""
    numeric = np.asarray(table.numeric[train], dtype=np.float32)
    steps: nn.Module = nn.Identity()
    if table.numbers:
        steps = preprocessing.fit(numeric, one_scale=table.one_scale or recipe.network.kind == "cnn")
    return steps, preprocessing.applied(steps, torch.from_numpy(numeric))


def _network(recipe: Recipe, table: Table, features: tuple[Feature, ...], columns: Tensor) -> Network:
    """A stem for each input that the table has, and the body that the recipe asks for."""
    stems: list[nn.Module] = []
    width, outputs = 0, max(len(table.classes), 1)
    if table.numbers:
        stem, wide = _number_stem(recipe.network.kind, columns, len(table.numbers))
        stems.append(stem)
        width += wide
    if table.words:
        sizes = [size(feature) for feature in features if feature.type in ("category", "boolean")]
        stems.append(categories := Categories(sizes))
        width += categories.width
    if table.text is not None:
        (length,) = (feature.length or 0 for feature in features if feature.type == "text")
        stems.append(text := TEXT_STEMS[recipe.network.kind or "ngram"](length, outputs))
        width += text.width
    return Network(stems, _body(width, recipe.network, outputs))


def _body(width: int, shape: sections.Network, outputs: int) -> nn.Module:
    """One perceptron, beside a linear model for a bag, or an ensemble of many."""
    assert shape.hidden is not None  # resolved
    assert shape.dropout is not None
    if shape.ensemble > 1:
        return Ensemble(width, shape.hidden, outputs, shape.ensemble, shape.activation, shape.dropout)
    deep = mlp(width, shape.hidden, outputs, shape.activation, shape.dropout)
    return BesideLinear(width, outputs, deep) if shape.hidden and shape.kind in BAGS else deep


def _number_stem(kind: str | None, columns: Tensor, numbers: int) -> tuple[nn.Module, int]:
    """What takes preprocessed numbers, and how many columns it gives; fitted on those of training."""
    if kind == "plain":
        return nn.Identity(), columns.shape[1]
    if kind == "periodic":
        waves = Periodic(columns.shape[1])
        return waves, waves.width
    if kind == "cnn":
        images = Images(side(numbers) or 0)
        return images, images.width + columns.shape[1] - numbers
    pieces = piecewise.fit(columns)
    return pieces, pieces.width
