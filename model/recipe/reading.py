"""Read a recipe: strict, each slip told in one sentence with the nearest known name."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from model.errors import RecipeError
from model.recipe import readers
from model.recipe.sections import HOUSE_PRICE, OPENML, SECTIONS, Data, Recipe, keys


def load(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        RecipeError: it can't be read, holds an unknown key, or a value that makes no sense.
    """
    try:
        text = path.read_bytes().decode()
    except OSError as problem:
        raise RecipeError(f"The recipe {path} can't be read: {problem.strerror}.") from problem
    except UnicodeDecodeError as problem:
        raise RecipeError(f"The recipe {path} is not text in UTF-8.") from problem
    return replace(parse(text, path.name), folder=path.parent)


def parse(text: str, where: str = "recipe") -> Recipe:
    """A recipe from its text; raises RecipeError, naming `where`."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise RecipeError(f"{where} is not valid TOML: {problem}.") from problem
    top = _read(document, "", _TOP, where)
    if "name" not in top:
        raise RecipeError(f'{where} has no name; write name = "…" in its first line.')
    sections = {
        name: section(**_read(document.get(name, {}), name, keys(section), where)) for name, section in SECTIONS.items()
    }
    _check_data(sections["data"], where)
    return Recipe(name=top["name"], description=top.get("description", ""), **sections)


def _check_data(data: Data, where: str) -> None:
    if (data.path is None) == (data.source is None):
        raise RecipeError(f"{where} must name its table in [data]: either path and target, or source.")
    if data.path is not None and data.target is None:
        raise RecipeError(f"{where}: [data] target is missing; it names the column to predict.")
    if data.source is not None:
        _check_source(data.source, data, where)
    for key, names in (("ignore", data.ignore), ("types", data.types)):
        if data.target is not None and data.target in names:
            raise RecipeError(f"{where}: [data] {key} names the target {data.target!r}.")
    for key, described in (("types", set(data.types)), ("units", set(data.units))):
        if both := sorted(described & set(data.ignore)):
            raise RecipeError(f"{where}: [data] ignore and {key} both name {both[0]!r}.")


def _check_source(source: str, data: Data, where: str) -> None:
    """The keys that a source leaves to the recipe."""
    if data.target is not None and not source.startswith(OPENML):
        raise RecipeError(f"{where}: [data] target goes with path; {source!r} brings its own.")
    fixed = ["columns", "separator"]
    if source == HOUSE_PRICE:
        fixed += ["ignore", "types", "units"] + (["task"] if data.task != "regression" else [])
    for key in fixed:
        if getattr(data, key):
            raise RecipeError(f"{where}: [data] {key} goes with path; {source!r} brings its own.")


def _read(values: Any, section: str, known: Mapping[str, readers.Reader], where: str) -> dict[str, Any]:
    """The values of one section of the recipe ("": its top), each through its reader."""
    if not isinstance(values, dict):
        raise RecipeError(f"{where}: {section} must be a table, written [{section}].")
    place = f"[{section}] " if section else ""
    read = {}
    for key, value in values.items():
        if key not in known:
            raise _unknown(key, section, known, where)
        try:
            read[key] = known[key](value)
        except ValueError as problem:
            raise RecipeError(f"{where}: {place}{key} must be {problem}, not {_shown(value)}.") from None
    return read


def _unknown(key: str, section: str, known: Mapping[str, readers.Reader], where: str) -> RecipeError:
    near = difflib.get_close_matches(key, known, n=1)
    elsewhere = next((name for name, others in SECTIONS.items() if key in keys(others) and name != section), None)
    if elsewhere is not None:
        hint = f"it belongs in [{elsewhere}]."
    elif near:
        hint = f"did you mean {near[0]!r}?"
    else:
        hint = f"known are {', '.join(known)}." if known else "the section has no keys."
    place = f"[{section}] " if section else ""
    return RecipeError(f"{where}: {place}{_shown(key)[1:-1] if key.isprintable() else ascii(key)} is unknown; {hint}")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:60] + "…"


def _section(value: Any) -> Any:
    """Read by itself, in `parse`."""
    return value


_TOP: dict[str, readers.Reader] = {
    "name": readers.model_name,
    "description": readers.text,
    **dict.fromkeys(SECTIONS, _section),
}
