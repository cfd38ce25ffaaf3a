"""A table: numbers, categories, booleans and at most one text, with a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mulgam.signature import Task

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Words:
    """A column of categories or booleans: [N] numbers into `levels` (all its words), -1 where missing."""

    name: str
    type: Literal["category", "boolean"]
    codes: npt.NDArray[np.int32]
    levels: tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """The column of texts, empty where missing."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Features and target of every row.

    Attributes:
        features: names of all features in the file's order.
        numeric: [N, F] float32, as the model sees them; NaN where a value is missing. Its columns are `numbers`.
        target_name: what is predicted.
        target: [N] quantities in float64, or class numbers 0 … K - 1 as int64.
        classes: the K class names in order; empty for regression.
        sha256: of the file, or of the values as fetched or generated.
        words: the features that are categories or booleans.
        text: the feature that is a text, where there is one.
        left_out: name -> reason of columns that were not learnt from, though nobody asked for that.
        units: feature or target name -> unit, where known.
        description: one sentence on what the rows are.
        synthetic: whether the rows were generated.
        one_scale: whether all features are quantities of one kind, such as pixels, whose relative size matters.
        noise_free: [N] the generator's target without noise, where there is one.
    """

    features: tuple[str, ...]
    numeric: npt.NDArray[np.float32]
    target_name: str
    target: npt.NDArray[Any]
    classes: tuple[str, ...]
    sha256: str
    words: tuple[Words, ...] = ()
    text: Text | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    synthetic: bool = False
    one_scale: bool = False
    noise_free: Floats | None = None

    @property
    def task(self) -> Task:
        """What the target asks for."""
        return "classification" if self.classes else "regression"

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Names of the columns of `numeric`."""
        others = {column.name for column in self.words} | ({self.text.name} if self.text else set())
        return tuple(name for name in self.features if name not in others)

    def __len__(self) -> int:
        return len(self.target)
