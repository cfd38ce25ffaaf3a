"""The keys that are tuned, the values that each may take, and a recipe with the values of one trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import optuna

from model.recipe.sections import Recipe

# Kinds that stand for one another; a text or an image is not a row of numbers.
_KINDS = (("plain", "ple", "periodic"), ("ngram", "words"), ("gru", "lstm"))
_HIDDEN = ((64,), (256,), (64, 64), (128, 64), (128, 128), (256, 128), (256, 256), (512, 512), (256, 256, 256))
_ENSEMBLES = (8, 16, 32)
_LEARNING_RATE, _WEIGHT_DECAY, _DROPOUT = (1e-4, 2e-2), (1e-6, 0.3), (0.0, 0.5)


def own(recipe: Recipe) -> dict[str, Any]:
    """The recipe's own values as a trial: the first one, so that the best is never worse than what was there.

    Args:
        recipe: resolved.
    """
    values: dict[str, Any] = {
        "learning_rate": _within(recipe.training.learning_rate, _LEARNING_RATE),
        "weight_decay": _within(recipe.training.weight_decay or 0.0, _WEIGHT_DECAY),
        "dropout": _within(recipe.network.dropout or 0.0, _DROPOUT),
        "hidden": _written(recipe.network.hidden or ()),
    }
    if len(_kinds(recipe)) > 1:
        values["kind"] = recipe.network.kind
    if recipe.network.ensemble > 1:
        values["ensemble"] = recipe.network.ensemble
    return values


def asked(trial: optuna.trial.Trial, recipe: Recipe) -> dict[str, Any]:
    """The values that a study suggests for this recipe."""
    values: dict[str, Any] = {
        "learning_rate": trial.suggest_float("learning_rate", *_LEARNING_RATE, log=True),
        "weight_decay": trial.suggest_float("weight_decay", *_WEIGHT_DECAY, log=True),
        "dropout": trial.suggest_float("dropout", *_DROPOUT),
        "hidden": trial.suggest_categorical("hidden", _choices(recipe)),
    }
    if len(kinds := _kinds(recipe)) > 1:
        values["kind"] = trial.suggest_categorical("kind", kinds)
    if recipe.network.ensemble > 1:
        sizes = sorted({recipe.network.ensemble, *_ENSEMBLES})
        values["ensemble"] = trial.suggest_categorical("ensemble", sizes)
    return values


def applied(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with a trial's values, rounded to what a person would write."""
    network = {name: values[name] for name in ("kind", "ensemble") if name in values}
    return replace(
        recipe,
        network=replace(
            recipe.network,
            hidden=tuple(int(size) for size in values["hidden"].split()),
            dropout=round(values["dropout"], 2),
            **network,
        ),
        training=replace(
            recipe.training,
            learning_rate=_rounded(values["learning_rate"]),
            weight_decay=_rounded(values["weight_decay"]),
        ),
    )


def _kinds(recipe: Recipe) -> tuple[str, ...]:
    """The kinds that may stand for the recipe's, itself among them."""
    return next((kinds for kinds in _KINDS if recipe.network.kind in kinds), (str(recipe.network.kind),))


def _choices(recipe: Recipe) -> Sequence[str | int | float | bool | None]:
    """Sizes of hidden layers as words, which a study can store; the recipe's own among them."""
    return sorted(map(_written, {recipe.network.hidden or (), *_HIDDEN}))


def _written(hidden: tuple[int, ...]) -> str:
    return " ".join(map(str, hidden))


def _within(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")
