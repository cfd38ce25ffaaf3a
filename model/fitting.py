"""One model trained on one division of a table's rows."""

from __future__ import annotations

import contextlib

from model.data.description import features
from model.data.graph_inputs import encoded
from model.data.split import Split, split
from model.data.table import Table
from model.networks.building import build
from model.networks.ensemble import of_each_member
from model.networks.objective import objective
from model.networks.served import Served, prepared
from model.recipe.sections import Recipe
from model.scores import temperature
from model.training import loop
from model.training.history import History
from model.training.progress import Watcher, watch
from model.training.run_folder import RunFolder
from mulgam.signature import Feature


def divided(recipe: Recipe, table: Table, kind: str) -> tuple[tuple[Feature, ...], Split]:
    """The rows' division of that kind, and the features as its training rows show them."""
    parts = split(table, kind, recipe.training.seed)
    return features(table, parts.train), parts


def fitted(
    recipe: Recipe,
    table: Table,
    described: tuple[Feature, ...],
    parts: Split,
    folder: RunFolder | None = None,
    watcher: Watcher | None = None,
) -> tuple[Served, History]:
    """A served module trained on one division of the rows, and how its training went.

    Args:
        recipe: resolved.
        table: all rows.
        described: its features.
        parts: the division; its held-out rows are not looked at.
        folder: gets the log and the checkpoint.
        watcher: told of every epoch; None: the progress is shown to a person.
    """
    module = build(recipe, table, described, parts.train)
    rows, validation = (
        prepared(module, encoded(table, described, part), table.target[part])
        for part in (parts.train, parts.validation)
    )
    loss = of_each_member(objective(module, recipe.training, table.classes, rows))
    shown: contextlib.AbstractContextManager[Watcher | None] = (
        watch(recipe.name, recipe.training.epochs) if watcher is None else contextlib.nullcontext(watcher)
    )
    with shown as told:
        history = loop.fit(module.network, rows, validation, loss, recipe.training, told, folder)
    module.eval()
    if recipe.training.calibrate:
        temperature.fold(module, validation)
    return module, history
