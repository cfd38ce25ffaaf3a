"""The signature file of a model that was brought along: what its inputs and its answer mean, TOML or JSON."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.errors import PublishError
from mulgam import strict
from mulgam.errors import RegistryError
from mulgam.signature import Feature, Target, parse_feature, parse_target

SCORES = ("probabilities", "logits")


@dataclass(frozen=True)
class Description:
    """What is said of a model.

    Attributes:
        features: what a caller sends, in order; empty for the graph's own tensors.
        target: what is predicted; None for what the output's shape tells.
        output: the output that is the answer, by name, where the model has several.
        scores: whether a classifier's outputs are probabilities, or logits that need a softmax.
        description: a line for people.
    """

    features: tuple[Feature, ...] = ()
    target: Target | None = None
    output: str | None = None
    scores: str = "probabilities"
    description: str = ""


def load(path: Path) -> Description:
    """Read a signature file.

    Raises:
        PublishError: it can't be read, or says something that makes no sense.
    """
    document = _document(path)
    try:
        read = strict.fields(
            document, path.name, required={},
            optional={"description": str, "features": list, "target": dict, "output": str, "scores": str},
        )  # fmt: skip
        features = tuple(
            parse_feature(_with_defaults(item), f"{path.name}: features[{i}]")
            for i, item in enumerate(read["features"] or [])
        )
        target = None if read["target"] is None else parse_target(read["target"], f"{path.name}: target")
    except RegistryError as problem:
        raise PublishError(str(problem)) from problem
    scores = read["scores"] or SCORES[0]
    if scores not in SCORES:
        raise PublishError(f"{path.name}: scores is {scores!r}; it must be one of {', '.join(SCORES)}.")
    return Description(features, target, read["output"], scores, read["description"] or "")


def _with_defaults(item: object) -> object:
    """A feature is a number that must be there, unless it says otherwise: few models of others know missing values."""
    if not isinstance(item, Mapping):
        return item
    return {"type": "tensor" if "shape" in item else "number", "missing": False, **item}


def _document(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes().decode()
    except OSError as problem:
        raise PublishError(f"{path} can't be read: {problem.strerror}.") from problem
    except UnicodeDecodeError as problem:
        raise PublishError(f"{path} is not text in UTF-8.") from problem
    try:
        document: dict[str, Any] = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise PublishError(
            f"{path} is not valid {'JSON' if path.suffix == '.json' else 'TOML'}: {problem}."
        ) from problem
    return document
