"""`tuned.toml`: a recipe with the best values, as a person would write it."""

from __future__ import annotations

import os
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from model.recipe.sections import SECTIONS, Recipe
from model.recipe.writing import toml
from model.tuning.study import Tuned


def text(given: Recipe, tuned: Tuned, folder: Path) -> str:
    """The file's content: keys that differ from their defaults, those that were tuned with what they were.

    Args:
        given: the recipe before.
        tuned: the best of it.
        folder: where the file will be; the table's path is relative to it.
    """
    recipe = tuned.recipe
    lines = [
        f"# Tuned in {tuned.done} trials on validation rows: {tuned.score} {tuned.best:.4g} in trial"
        f" {tuned.best_trial}, with the recipe's own values {tuned.before:.4g}.",
        f"name = {toml(recipe.name)}",
    ]
    lines += [f"description = {toml(recipe.description)}"] if recipe.description else []
    for name, section in SECTIONS.items():
        before, after = getattr(given, name), getattr(recipe, name)
        keys = [_line(key, getattr(before, key.name), getattr(after, key.name), _moved(given, folder))
                for key in fields(section)]  # fmt: skip
        lines += ["", f"[{name}]", *filter(None, keys)] if any(keys) else []
    return "\n".join(lines) + "\n"


def _line(key: Any, before: Any, after: Any, path: str | None) -> str | None:
    if key.name == "path" and after is not None:
        return f"path = {toml(path)}"
    default = key.default_factory() if key.default is MISSING else key.default
    if after is None or (after == default and after == before):
        return None
    was = "" if after == before else "  # was the default" if before is None else f"  # was {toml(before)}"
    return f"{key.name} = {toml(after)}{was}"


def _moved(given: Recipe, folder: Path) -> str | None:
    """The table's path from another folder."""
    if given.data.path is None or Path(given.data.path).is_absolute():
        return given.data.path
    return os.path.relpath(given.folder / given.data.path, folder)
