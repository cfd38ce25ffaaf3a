"""Fill in what a recipe leaves to the table."""

from __future__ import annotations

from dataclasses import replace

from model.data.table import Table
from model.errors import RecipeError
from model.networks.building import BAGS
from model.networks.images import SMALLEST_SIDE, side
from model.recipe.sections import KINDS_OF_NETWORK, KINDS_OF_TEXT, Network, Recipe
from model.resolving_training import training

HIDDEN = (128, 64)


def resolve(recipe: Recipe, table: Table) -> Recipe:
    """The recipe with everything filled in that depends on the table: its task, the loss, the network's kind and shape.

    Raises:
        RecipeError: the loss belongs to the other task, or the kind to other features.
        DataError: a target is out of the range of the loss or of its transform.
    """
    network = replace(recipe.network, kind=_kind(recipe.network.kind, table))
    return replace(
        recipe,
        data=replace(recipe.data, task=table.task),
        network=replace(network, hidden=_hidden(network, table)),
        training=training(recipe, table),
    )


def _kind(wanted: str | None, table: Table) -> str:
    """The kind of network that the recipe names, or the table's default."""
    kind = wanted or ("ple" if table.text is None else "ngram")
    if (kind in KINDS_OF_TEXT) != (table.text is not None):
        has = "no text column" if table.text is None else f"the text column {table.text.name!r}"
        fit = ", ".join(repr(one) for one in KINDS_OF_NETWORK if (one in KINDS_OF_TEXT) == (table.text is not None))
        raise RecipeError(f"[network] kind {kind!r} does not fit: the table has {has}; one of {fit} does.")
    if kind == "cnn" and side(len(table.numbers)) is None:
        raise RecipeError(
            "[network] kind 'cnn' takes the numeric columns as the pixels of a square image of at least"
            f" {SMALLEST_SIDE} × {SMALLEST_SIDE}; the table has {len(table.numbers)} of them."
        )
    return kind


def _hidden(network: Network, table: Table) -> tuple[int, ...]:
    """The hidden layers that the recipe names, or the default: none for a bag that is all there is.

    A linear model on a bag learns longer before it knows the training texts by heart, and ends up better.
    """
    if network.hidden is not None:
        return network.hidden
    alone = network.kind in BAGS and len(table.features) == 1 and network.ensemble == 1
    return () if alone else HIDDEN
