"""Fill in what `[training]` leaves to the table or to other keys, and refuse what does not fit them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from model.data.table import Table
from model.errors import DataError, RecipeError
from model.networks.target_scale import TRANSFORMS
from model.recipe.sections import Recipe, Training
from model.training import losses, optimizers
from mulgam.wording import shown


def training(recipe: Recipe, table: Table) -> Training:
    """The section as it will run.

    Raises:
        RecipeError: a key belongs to another task or optimiser.
        DataError: a target is out of the range of the loss or of the transform.
    """
    settings = recipe.training
    loss = settings.loss or losses.default(table.task)
    if loss not in losses.LOSSES[table.task]:
        known = ", ".join(losses.LOSSES[table.task])
        raise RecipeError(f"The loss {loss!r} is not for {table.task}, which {table.target_name!r} asks for: {known}.")
    if settings.momentum is not None and settings.optimizer != "sgd":
        raise RecipeError(f"[training] momentum is for the optimizer 'sgd', not for {settings.optimizer!r}.")
    settings = replace(settings, loss=loss, weight_decay=optimizers.weight_decay(settings))
    if settings.optimizer == "sgd":
        settings = replace(settings, momentum=optimizers.momentum(settings))
    if table.classes:
        _check_classification(settings, table)
    else:
        _check_quantity(settings, table, Path(recipe.data.path or recipe.data.source or table.target_name).name)
    return settings


def _check_classification(settings: Training, table: Table) -> None:
    if settings.target_transform != "none":
        raise RecipeError(f"[training] target_transform is for a quantity; {table.target_name!r} holds classes.")
    named = () if isinstance(settings.class_weights, str) else settings.class_weights
    for name in named:
        if name not in table.classes:
            known = ", ".join(shown(label) for label in table.classes[:10])
            raise RecipeError(f"[training] class_weights names {shown(name)}, which is none of the classes: {known}.")


def _check_quantity(settings: Training, table: Table, place: str) -> None:
    for key in ("class_weights", "calibrate"):
        if getattr(settings, key) not in ("none", False):
            raise RecipeError(f"[training] {key} is for a classification; {table.target_name!r} is a quantity.")
    if settings.loss in losses.IN_OWN_UNIT:
        _check_above(table, losses.ABOVE, f"the loss {settings.loss!r}", place)
    above = TRANSFORMS[settings.target_transform].above
    _check_above(table, above, f"target_transform = {settings.target_transform!r}", place)


def _check_above(table: Table, bound: float, what: str, place: str) -> None:
    """Every target is above a bound, held out or not: a score of what can't be learnt would mean nothing."""
    wrong = np.flatnonzero(table.target <= bound)
    if len(wrong):
        raise DataError(
            f"{place}, row {wrong[0] + 1}: the target {shown(table.target_name)} is {table.target[wrong[0]]:g};"
            f" {what} takes values above {bound:g} only."
        )
