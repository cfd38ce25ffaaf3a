"""Write a recipe as TOML that trains the same model again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from model.recipe.sections import SECTIONS, Recipe


def dumps(recipe: Recipe) -> str:
    """The recipe as TOML, every key with its value."""
    lines = [f"name = {toml(recipe.name)}"]
    lines += [f"description = {toml(recipe.description)}"] if recipe.description else []
    for name in SECTIONS:
        values = asdict(getattr(recipe, name))
        if name == "data" and recipe.data.path is not None:
            # An artefact tells the file's name, not where on somebody's disk it lay.
            values["path"] = Path(recipe.data.path).name
        if values:
            lines += ["", f"[{name}]"]
            lines += [f"{key} = {toml(value)}" for key, value in values.items() if value is not None]
    return "\n".join(lines) + "\n"


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for DEL, which JSON leaves as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{toml(key)} = {toml(item)}" for key, item in value.items()) + "}"
    return repr(value)
