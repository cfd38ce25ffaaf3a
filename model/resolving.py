"""Fill in what a recipe leaves to the table."""

from __future__ import annotations

from dataclasses import replace

from model.data.table import Table
from model.errors import RecipeError
from model.recipe.sections import Recipe
from model.training import losses


def resolve(recipe: Recipe, table: Table) -> Recipe:
    """The recipe with everything filled in that depends on the table: its task, the loss and the network's kind.

    Raises:
        RecipeError: the loss belongs to the other task, or the kind to other features.
    """
    loss = recipe.training.loss or losses.default(table.task)
    if loss not in losses.LOSSES[table.task]:
        known = ", ".join(losses.LOSSES[table.task])
        raise RecipeError(f"The loss {loss!r} is not for {table.task}, which {table.target_name!r} asks for: {known}.")
    kind = recipe.network.kind or ("ple" if table.text is None else "ngram")
    if (kind == "ngram") != (table.text is not None):
        has = "no text column" if table.text is None else f"the text column {table.text.name!r}"
        raise RecipeError(f"[network] kind {kind!r} does not fit: the table has {has}.")
    return replace(
        recipe,
        data=replace(recipe.data, task=table.task),
        network=replace(recipe.network, kind=kind),
        training=replace(recipe.training, loss=loss),
    )
