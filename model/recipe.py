"""Recipes: what to train, from TOML, with a default for everything but the name, the table and its target."""

from __future__ import annotations

import difflib
import json
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from model import losses
from model.errors import RecipeError
from model.network import ACTIVATIONS
from model.schema import TYPES
from model.split import KINDS, RANDOM
from model.table import Table
from mulgam.registry import MODEL_NAME
from mulgam.signature import FeatureType, Task

FOLDER = Path(__file__).parent / "recipes"
DEFAULTS = (FOLDER / "house-price.toml", FOLDER / "digits.toml")
SOURCES = ("mulgam:house-price", "sklearn:digits")
OPTIMIZERS = ("adamw", "adam", "sgd")
KINDS_OF_NETWORK = ("ple", "plain", "periodic", "ngram")
DEVICES = ("auto", "cpu", "gpu")


@dataclass(frozen=True)
class Data:
    """Where the rows come from: a file and its target, or a built-in source."""

    path: str | None = None
    target: str | None = None
    source: str | None = None
    task: Task | None = None
    columns: tuple[str, ...] = ()
    types: Mapping[str, FeatureType] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    separator: str | None = None
    split: tuple[str, ...] = (RANDOM,)


@dataclass(frozen=True)
class Network:
    """How inputs become columns (`kind` None: by what the table holds), and the shape of the perceptron on them."""

    kind: str | None = None
    hidden: tuple[int, ...] = (128, 64)
    activation: str = "relu"
    dropout: float = 0.0


@dataclass(frozen=True)
class Training:
    """How it is trained; `loss` None is the task's default."""

    loss: str | None = None
    optimizer: str = "adamw"
    learning_rate: float = 0.002
    batch_size: int = 256
    epochs: int = 200
    patience: int = 16
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True)
class Recipe:
    """One model to train; `folder` is where the recipe lies, which `data.path` is relative to."""

    name: str
    data: Data
    description: str = ""
    network: Network = field(default_factory=Network)
    training: Training = field(default_factory=Training)
    folder: Path = field(default=Path(), compare=False)


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
    tables = {
        table: _read(document.get(table, {}), table, keys, where)
        for table, keys in (("data", _DATA), ("network", _NETWORK), ("training", _TRAINING))
    }
    data = Data(**tables["data"])
    _check_data(data, where)
    return Recipe(
        name=top["name"], description=top.get("description", ""), data=data,
        network=Network(**tables["network"]), training=Training(**tables["training"]),
    )  # fmt: skip


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


def dumps(recipe: Recipe) -> str:
    """The recipe as TOML that trains the same model again."""
    data = asdict(recipe.data)
    if recipe.data.path is not None:
        # An artefact tells the file's name, not where on somebody's disk it lay.
        data["path"] = Path(recipe.data.path).name
    lines = [f"name = {_toml(recipe.name)}"]
    lines += [f"description = {_toml(recipe.description)}"] if recipe.description else []
    for table, values in (("data", data), ("network", asdict(recipe.network)), ("training", asdict(recipe.training))):
        lines += ["", f"[{table}]"]
        lines += [f"{key} = {_toml(value)}" for key, value in values.items() if value is not None]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for DEL, which JSON leaves as it is.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    return repr(value)


def _check_data(data: Data, where: str) -> None:
    if (data.path is None) == (data.source is None):
        raise RecipeError(f"{where} must name its table in [data]: either path and target, or source.")
    if data.path is not None and data.target is None:
        raise RecipeError(f"{where}: [data] target is missing; it names the column to predict.")
    if data.source is not None:
        for key in ("target", "task", "separator"):
            if getattr(data, key) is not None and (key, data.task) != ("task", _SOURCE_TASKS[data.source]):
                raise RecipeError(f"{where}: [data] {key} goes with path; {data.source!r} brings its own.")
        for key in ("ignore", "types", "columns"):
            if getattr(data, key):
                raise RecipeError(f"{where}: [data] {key} goes with path.")
    for key, names in (("ignore", data.ignore), ("types", data.types)):
        if data.target is not None and data.target in names:
            raise RecipeError(f"{where}: [data] {key} names the target {data.target!r}.")
    if both := [name for name in data.types if name in data.ignore]:
        raise RecipeError(f"{where}: [data] ignore and types both name {both[0]!r}.")


_SOURCE_TASKS: Mapping[str, Task] = {"mulgam:house-price": "regression", "sklearn:digits": "classification"}

# A reader takes a parsed value and gives the recipe's, or raises ValueError with what was expected.
_Reader = Callable[[Any], Any]


def _read(values: Any, table: str, keys: Mapping[str, _Reader], where: str) -> dict[str, Any]:
    """The values of one table of the recipe, each through its reader."""
    if not isinstance(values, dict):
        raise RecipeError(f"{where}: {table} must be a table, written [{table}].")
    place = f"[{table}] " if table else ""
    read = {}
    for key, value in values.items():
        if key not in keys:
            raise _unknown(key, table, keys, where)
        try:
            read[key] = keys[key](value)
        except ValueError as problem:
            raise RecipeError(f"{where}: {place}{key} must be {problem}, not {_shown(value)}.") from None
    return read if table else {key: value for key, value in read.items() if key not in _TABLES}


def _unknown(key: str, table: str, keys: Mapping[str, _Reader], where: str) -> RecipeError:
    place = f"[{table}] " if table else ""
    if (table, key) in _LATER:
        return RecipeError(f"{where}: {place}{key} is not supported in this version.")
    near = difflib.get_close_matches(key, keys, n=1)
    elsewhere = next((name for name, others in _TABLES.items() if key in others and name != table), None)
    if elsewhere is not None:
        hint = f"it belongs in [{elsewhere}]."
    elif near:
        hint = f"did you mean {near[0]!r}?"
    else:
        hint = f"known are {', '.join(keys)}."
    return RecipeError(f"{where}: {place}{_shown(key)[1:-1] if key.isprintable() else ascii(key)} is unknown; {hint}")


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:60] + "…"


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("a text in quotes")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not MODEL_NAME.fullmatch(value):
        raise ValueError("letters, digits, '-' and '_' in quotes, at most 63")
    return value


def _one_of(*known: str) -> _Reader:
    def read(value: Any) -> str:
        if value not in known:
            near = difflib.get_close_matches(str(value), known, n=1)
            raise ValueError(f"one of {', '.join(known)}" + (f" (did you mean {near[0]!r}?)" if near else ""))
        return cast(str, value)

    return read


def _whole(low: int, high: int) -> _Reader:
    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return read


def _number(low: float, high: float) -> _Reader:
    """A number above or at `low` and below `high`."""

    def read(value: Any) -> float:
        if type(value) not in (int, float) or not math.isfinite(value) or not low <= value < high:
            raise ValueError(f"a number from {low:g} to below {high:g}")
        return float(value)

    return read


def _list_of(item: _Reader, most: int, *, one: bool = False) -> _Reader:
    """A list without repetition of names; `one`: a bare value counts as a list of one."""

    def read(value: Any) -> tuple[Any, ...]:
        values = [value] if one and not isinstance(value, list) else value
        if not isinstance(values, list) or len(values) > most or (one and not values):
            raise ValueError(f"a list of at most {most} values")
        try:
            return tuple(item(single) for single in values)
        except ValueError as problem:
            raise ValueError(f"a list, each item {problem}") from None

    return read


def _types(value: Any) -> dict[str, FeatureType]:
    if not isinstance(value, dict) or not all(kind in TYPES for kind in value.values()):
        raise ValueError(f'a table of column = "type", each type one of {", ".join(TYPES)}')
    return cast(dict[str, FeatureType], value)


def _separator(value: Any) -> str:
    if not isinstance(value, str) or len(value) != 1 or value in '"\r\n ' or not (value.isprintable() or value == "\t"):
        raise ValueError('one character in quotes, such as ";" or "\\t"')
    return value


def _later(value: Any) -> Any:
    return value


_DATA: dict[str, _Reader] = {
    "path": _text, "target": _text, "source": _one_of(*SOURCES), "task": _one_of("regression", "classification"),
    "columns": _list_of(_text, 10_000), "types": _types, "ignore": _list_of(_text, 10_000), "separator": _separator,
    "split": _list_of(_one_of(*KINDS), len(KINDS), one=True),
}  # fmt: skip
_NETWORK: dict[str, _Reader] = {
    "kind": _one_of(*KINDS_OF_NETWORK),
    "hidden": _list_of(_whole(1, 65_536), 32), "activation": _one_of(*ACTIVATIONS), "dropout": _number(0.0, 1.0),
}  # fmt: skip
_TRAINING: dict[str, _Reader] = {
    "loss": _one_of(*(name for task in losses.LOSSES.values() for name in task)),
    "optimizer": _one_of(*OPTIMIZERS),
    "learning_rate": _number(1e-12, 1e6),
    "batch_size": _whole(1, 1_000_000),
    "epochs": _whole(1, 1_000_000),
    "patience": _whole(1, 1_000_000),
    "seed": _whole(0, 2**32 - 1),
    "device": _one_of(*DEVICES),
}
_TABLES: dict[str, Mapping[str, _Reader]] = {"data": _DATA, "network": _NETWORK, "training": _TRAINING}
_TOP: dict[str, _Reader] = {"name": _name, "description": _text, **dict.fromkeys(_TABLES, _later)}
_LATER = {
    ("network", "embedding"), ("network", "ensemble"),
}  # fmt: skip
