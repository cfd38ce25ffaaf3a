"""Fill in what a recipe leaves to the table."""

from __future__ import annotations

from dataclasses import replace

from model.data.table import Table
from model.errors import RecipeError
from model.networks.images import SMALLEST_SIDE, side
from model.recipe.sections import KINDS_OF_NETWORK, KINDS_OF_TEXT, Network, Recipe
from model.resolving_training import training


def resolve(recipe: Recipe, table: Table) -> Recipe:
    """The recipe with everything filled in that depends on the table: its task, the loss, the network's kind.

    Raises:
        RecipeError: the loss belongs to the other task, or the kind to other features.
        DataError: a target is out of the range of the loss or of its transform.
    """
    return replace(
        recipe,
        data=replace(recipe.data, task=table.task),
        network=_network(recipe.network, table),
        training=training(recipe, table),
    )


def _network(given: Network, table: Table) -> Network:
    """The network with its kind, and with the sizes that did best on tables of that kind."""
    kind = _kind(given.kind, table)
    is_text = kind in KINDS_OF_TEXT
    hidden = given.hidden if given.hidden is not None else ((128, 64) if is_text else (256, 128))
    dropout = given.dropout if given.dropout is not None else (0.0 if is_text else 0.1)
    return replace(given, kind=kind, hidden=hidden, dropout=dropout)


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
