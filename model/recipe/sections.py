"""The sections of a recipe. Each key stands here once: its default, what it may be, and what it is for.

docs/recipes.md takes its table of keys from here (`python -m docs.tables`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from model.recipe import readers
from mulgam.signature import FeatureType, Task

FOLDER = Path(__file__).parents[1] / "recipes"
DEFAULTS = (FOLDER / "house-price.toml", FOLDER / "digits.toml")
TYPES: tuple[FeatureType, ...] = ("number", "category", "boolean", "text")
RANDOM, HALF = "random", "half"
SPLITS = (RANDOM, HALF)
HOUSE_PRICE = "mulgam:house-price"
SKLEARN, OPENML = "sklearn:", "openml:"
# scikit-learn's sets that make a table with one target -> what that is called, where they do not say.
SETS: Mapping[str, str] = {
    "digits": "digit", "iris": "species", "wine": "cultivar", "breast_cancer": "diagnosis", "diabetes": "progression",
    "california_housing": "MedHouseVal", "covtype": "Cover_Type", "20newsgroups": "newsgroup",
}  # fmt: skip
SOURCES = (HOUSE_PRICE, *(SKLEARN + name for name in SETS))
ACTIVATIONS = ("relu", "gelu", "tanh", "sigmoid", "none")
LOSSES = ("mse", "mae", "rmse", "rmsle", "huber", "cross_entropy")
CLASS_WEIGHTS = ("none", "balanced")
TARGET_TRANSFORMS = ("none", "log", "log1p", "asinh")
OPTIMIZERS = ("adamw", "adam", "sgd")
SCHEDULES = ("constant", "cosine", "step", "one_cycle")
PRECISIONS = ("float32", "bfloat16")
KINDS_OF_TEXT = ("ngram", "words", "gru", "lstm", "attention")
KINDS_OF_NETWORK = ("ple", "plain", "periodic", "cnn", *KINDS_OF_TEXT)
DEVICES = ("auto", "cpu", "gpu")
VARIANTS = ("int8", "float16")


def key(default: Any, reader: readers.Reader, description: str, shown: str = "") -> Any:
    """A field of a section: how its value is read and what it is for; `shown` tells a default that None stands for."""
    rules = {"reader": reader, "description": description, "shown": shown}
    return field(default_factory=dict, metadata=rules) if default == {} else field(default=default, metadata=rules)


@dataclass(frozen=True)
class Data:
    """Where the rows come from: a file and its target, or a source that brings both."""

    path: str | None = key(None, readers.text, "the table; or else `source`", "–")
    target: str | None = key(
        None, readers.text, "the column to predict; a `source` has one, which `openml:` lets you replace", "–"
    )
    source: str | None = key(
        None,
        readers.either(readers.one_of(*SOURCES), readers.prefixed(OPENML, "the set's name or number at OpenML")),
        f"a table by name: {', '.join(f'`{name}`' for name in SOURCES)}, or `{OPENML}` and a set's name or number",
        "–",
    )
    task: Task | None = key(
        None,
        readers.one_of("regression", "classification"),
        '`"regression"` or `"classification"`. Words, or at most 10 different numbers, are classes',
        "from the target",
    )
    columns: tuple[str, ...] = key(
        (), readers.list_of(readers.text, 10_000), "the columns' names, for a file without a header line"
    )
    types: Mapping[str, FeatureType] = key(
        {},
        readers.words_to(readers.one_of(*TYPES), f'a table of column = "type", each type one of {", ".join(TYPES)}'),
        '`{column = "category", …}`: `number`, `category`, `boolean` or `text`, where the inferred type is wrong;'
        " such a column is never left out",
    )
    units: Mapping[str, str] = key(
        {},
        readers.words_to(readers.text, 'a table of column = "unit", each unit a text in quotes'),
        '`{column = "km", …}`: units of numbers, the target among them, for the signature, the page and the report',
    )
    ignore: tuple[str, ...] = key((), readers.list_of(readers.text, 10_000), "columns to leave out")
    separator: str | None = key(None, readers.separator, "one character", '`","`, a tab for `.tsv`')
    split: tuple[str, ...] = key(
        (RANDOM,),
        readers.list_of(readers.one_of(*SPLITS), len(SPLITS), one=True),
        '`"random"`: 70 % train, 10 % validation, 20 % held out, classes in proportion. `"half"`: the first half of'
        " the rows trains, the second is held out. A list: the first one's model is published, the others are trained"
        " for their score only",
    )


@dataclass(frozen=True)
class Network:
    """How inputs become columns, and the shape of the perceptron on them."""

    kind: str | None = key(
        None,
        readers.one_of(*KINDS_OF_NETWORK),
        'how numbers reach it: `"ple"` by piecewise-linear embeddings between quantiles, `"plain"` standardised only,'
        ' `"periodic"` by learnt sines and cosines, `"cnn"` as the pixels of a square image. How a text does (numbers'
        ' beside it as in `"ple"`): `"ngram"` as hashed character n-grams, `"words"` as hashed words, `"gru"`,'
        ' `"lstm"` or `"attention"` as a sequence. With a text column it is `"ngram"`, else `"ple"`',
        "from the table",
    )
    hidden: tuple[int, ...] | None = key(
        None,
        readers.list_of(readers.whole(1, 65_536), 32),
        "sizes of the hidden layers; `[]` is a linear model",
        "`[256, 128]`; of texts `[128, 64]`",
    )
    activation: str = key("relu", readers.one_of(*ACTIVATIONS), "`relu`, `gelu`, `tanh`, `sigmoid`, `none`")
    dropout: float | None = key(
        None,
        readers.number(0.0, 1.0),
        "share of hidden values left out in training, below 1",
        "`0.1`; of texts `0.0`",
    )
    ensemble: int = key(
        1,
        readers.whole(1, 64),
        "how many perceptrons that share weights answer together (the mean of their quantities or probabilities)",
    )


@dataclass(frozen=True)
class Training:
    """How it is trained."""

    loss: str | None = key(
        None,
        readers.one_of(*LOSSES),
        "for a regression `mse`, `mae`, `rmse` or `huber` of the standardised target, or `rmsle` of the target itself"
        " (above -1); for classes `cross_entropy`",
        "`mse`, `cross_entropy`",
    )
    class_weights: str | Mapping[str, float] = key(
        "none",
        readers.either(
            readers.one_of(*CLASS_WEIGHTS),
            readers.words_to(readers.number(1e-6, 1e6), "a table of class = weight, each a number above 0"),
        ),
        '`"none"`; `"balanced"`: the rarer a class, the heavier its rows; or `{class = weight, …}`, 1 for the others',
    )
    target_transform: str = key(
        "none",
        readers.one_of(*TARGET_TRANSFORMS),
        "what of a quantity is learnt: `none` itself, `log` (above 0), `log1p` (above -1), `asinh`; the graph takes it"
        " back",
    )
    optimizer: str = key("adamw", readers.one_of(*OPTIMIZERS), "`adamw`, `adam`, `sgd`")
    learning_rate: float = key(0.002, readers.number(1e-12, 1e6), "size of the steps")
    momentum: float | None = key(None, readers.number(0.0, 1.0), "of `sgd`, below 1", "`0.9`")
    weight_decay: float | None = key(
        None, readers.number(0.0, 1e6), "pulls weights to 0", "`0.01` for `adamw`, else `0.0`"
    )
    schedule: str = key(
        "constant",
        readers.one_of(*SCHEDULES),
        "the learning rate over all `epochs`: `constant`; `cosine`: falls to 0; `step`: a tenth from the half on, a"
        " hundredth from three quarters on; `one_cycle`: rises to `learning_rate` until three tenths of the way, then"
        " falls to almost 0",
    )
    warmup: int = key(0, readers.whole(0, 1_000_000), "epochs in which the learning rate rises before the schedule")
    clip: float = key(0.0, readers.number(0.0, 1e6), "highest norm of a step's gradient; 0: any")
    batch_size: int = key(256, readers.whole(1, 1_000_000), "rows in a step")
    epochs: int = key(200, readers.whole(1, 1_000_000), "at most")
    patience: int = key(
        16,
        readers.whole(1, 1_000_000),
        "stop after so many epochs without a lower validation loss; the best epoch's weights are kept",
    )
    seed: int = key(0, readers.whole(0, 2**32 - 1), "of the split, the first weights, the order of rows and dropout")
    calibrate: bool = key(
        False,
        readers.flag,
        "of a classification: divide the logits, in the graph, by a temperature that is fitted on the validation rows",
    )
    device: str = key(
        "auto",
        readers.one_of(*DEVICES),
        "`auto`, `cpu`, `gpu`; `--device` and `MULGAM_DEVICE` override it, in this order",
    )
    precision: str = key(
        "float32",
        readers.one_of(*PRECISIONS),
        "of the layers in training: `bfloat16` mixes it in where it does no harm (faster on GPUs and on CPUs that know"
        " it); what is exported is `float32` always",
    )


@dataclass(frozen=True)
class Release:
    """What is published, and when it becomes the version that is served."""

    variants: tuple[str, ...] = key(
        (),
        readers.list_of(readers.one_of(*VARIANTS), len(VARIANTS)),
        "smaller forms of the ONNX model beside the usual one: `int8`, `float16`; a service takes one by"
        " `MULGAM_PRECISION`",
    )
    margin: float = key(
        0.02,
        readers.number(0.0, 1.0),
        "by which share of its RMSE or accuracy a version may be worse than the one that is served, on the same"
        " held-out rows; beyond it, it is published but not made the default",
    )


@dataclass(frozen=True)
class Recipe:
    """One model to train; `folder` is where the recipe lies, which `data.path` is relative to."""

    name: str
    data: Data
    description: str = ""
    network: Network = field(default_factory=Network)
    training: Training = field(default_factory=Training)
    release: Release = field(default_factory=Release)
    folder: Path = field(default=Path(), compare=False)


SECTIONS: Mapping[str, type[Any]] = {"data": Data, "network": Network, "training": Training, "release": Release}


def keys(section: type[Any]) -> dict[str, readers.Reader]:
    """Key -> reader of a section."""
    return {item.name: item.metadata["reader"] for item in fields(section)}
