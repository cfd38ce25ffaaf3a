"""Mulgam's own contestants: the steps of a training run, from its own functions, but for publishing."""

from __future__ import annotations

from dataclasses import replace

from model.data.description import features
from model.data.graph_inputs import encoded
from model.fitting import fitted
from model.networks.served import Served, answers
from model.recipe.reading import parse
from model.recipe.sections import Network, Recipe, keys
from model.resolving import resolve
from tests.bench.training.division import Division, Fit, Model

# Networks of an ensemble; the value that docs/recipes.md recommends.
MEMBERS = 16


def mulgam(network: str = "") -> Fit:
    """A contestant: the recipe of nothing but its data, with these keys in its section [network]."""

    def fit(division: Division) -> Model:
        module = trained(division, network)
        described = features(division.table, division.parts.train)
        return lambda table, rows: answers(module, encoded(table, described, rows))

    return fit


def trained(division: Division, network: str, epochs: int | None = None) -> Served:
    """The served module, trained (for so many epochs at most) on the division's rows."""
    filled = recipe(division, network, epochs)
    described = features(division.table, division.parts.train)
    module, _ = fitted(filled, division.table, described, division.parts)
    return module


def has_ensembles() -> bool:
    """Whether recipes know the key."""
    return "ensemble" in keys(Network)


def recipe(division: Division, network: str, epochs: int | None = None) -> Recipe:
    """The recipe of a contestant, everything filled in."""
    epochs = 1 if division.quick else epochs
    training = [f"seed = {division.seed}", 'device = "cpu"', *([f"epochs = {epochs}"] if epochs else [])]
    parsed = parse(division.dataset.recipe(network, "\n".join(training)))
    return resolve(replace(parsed, folder=division.folder), division.table)
