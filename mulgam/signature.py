"""The signature: what a model takes and gives. Training writes it, everything that serves reads it.

It is all that serving knows of the training data: features in their order, vocabularies, ranges seen,
classes, and how far an answer may lie from the stored one. Format: `docs/registry.md`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast, get_args

from mulgam import strict
from mulgam.errors import RegistryError
from mulgam.tensors import DTYPES, MAX_RANK

FORMAT = 1
Task = Literal["regression", "classification", "generic"]
FeatureType = Literal["number", "category", "boolean", "text", "tensor"]

# Names of the graph's inputs and outputs, the same for every model that takes columns.
NUMERIC, CATEGORIES, TEXT = "numeric", "categories", "text"
PREDICTION, PROBABILITIES = "prediction", "probabilities"

# The precision that every version has; others are options of the export.
PRECISION = "float32"


@dataclass(frozen=True)
class Tensor:
    """One input or output of the graph; in `shape`, -1 is the batch."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Feature:
    """One column that a caller sends.

    `minimum` and `maximum` are the range seen in training (numbers); `vocabulary` the known values
    (categories, in order: the third id on); `length` the number of code points kept (text). A `tensor` is an
    input of the graph under its own name, of `datatype` and, in each row, `shape`.
    """

    name: str
    type: FeatureType
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    missing: bool = True
    vocabulary: tuple[str, ...] = ()
    length: int | None = None
    datatype: str | None = None
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Target:
    """What is predicted: a quantity with its unit and range seen, one of `classes`, or a tensor of a `shape` a row."""

    name: str
    unit: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    classes: tuple[str, ...] = ()
    shape: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Tolerance:
    """How far two answers may lie apart: `relative` × max(|expected|, `floor`)."""

    relative: float
    floor: float


@dataclass(frozen=True)
class Signature:
    """Inputs, outputs and meaning of one model; `tolerance` is keyed by runtime, then precision."""

    model: str
    task: Task
    features: tuple[Feature, ...]
    target: Target
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    tolerance: Mapping[str, Mapping[str, Tolerance]]
    description: str = ""
    synthetic: bool = field(default=False)

    @cached_property
    def numbers(self) -> tuple[Feature, ...]:
        """The features that make the columns of `numeric`, in order."""
        return tuple(feature for feature in self.features if feature.type == "number")

    @cached_property
    def categories(self) -> tuple[Feature, ...]:
        """The features that make the columns of `categories`, in order."""
        return tuple(feature for feature in self.features if feature.type in ("category", "boolean"))

    @cached_property
    def text(self) -> Feature | None:
        """The feature that makes `text`, where there is one."""
        return next((feature for feature in self.features if feature.type == "text"), None)

    @cached_property
    def tensors(self) -> tuple[Feature, ...]:
        """The features that are inputs of the graph themselves: all or none."""
        return tuple(feature for feature in self.features if feature.type == "tensor")

    @property
    def output(self) -> Tensor:
        """The tensor that holds the answer."""
        return self.outputs[0]

    def tolerance_of(self, runtime: str, precision: str = PRECISION) -> Tolerance:
        """How far an answer of a runtime may lie from a stored one; raises RegistryError where it is not said."""
        tolerance = self.tolerance.get(runtime, {}).get(precision)
        if tolerance is None:
            raise RegistryError(f"The signature of {self.model!r} states no tolerance for {runtime}, {precision}.")
        return tolerance

    def dumps(self) -> str:
        """The document as stored in `signature.json`."""
        document = {"format": FORMAT, **asdict(self)}
        document["features"] = [_without_empty(feature) for feature in document["features"]]
        document["target"] = _without_empty(document["target"])
        return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def graph_inputs(features: tuple[Feature, ...]) -> tuple[Tensor, ...]:
    """The graph inputs that these features need: `numeric`, `categories`, `text`, each where it is used, or tensors."""
    own = [feature for feature in features if feature.type == "tensor"]
    if own:
        return tuple(Tensor(one.name, one.datatype or "", (-1, *(one.shape or ()))) for one in own)
    numbers = sum(feature.type == "number" for feature in features)
    categories = sum(feature.type in ("category", "boolean") for feature in features)
    texts = [feature for feature in features if feature.type == "text"]
    tensors = []
    if numbers:
        tensors.append(Tensor(NUMERIC, "FP32", (-1, numbers)))
    if categories:
        tensors.append(Tensor(CATEGORIES, "INT64", (-1, categories)))
    if texts:
        tensors.append(Tensor(TEXT, "INT32", (-1, texts[0].length or 0)))
    return tuple(tensors)


def graph_outputs(target: Target) -> tuple[Tensor, ...]:
    """The graph output for a target: `prediction` [N], `probabilities` [N, K] for K classes, or its own tensor."""
    if target.shape is not None:
        return (Tensor(target.name, "FP32", (-1, *target.shape)),)
    if target.classes:
        return (Tensor(PROBABILITIES, "FP32", (-1, len(target.classes))),)
    return (Tensor(PREDICTION, "FP32", (-1,)),)


def load(path: Path) -> Signature:
    """Read and check a `signature.json`.

    Raises:
        RegistryError: unreadable, of another format version, or inconsistent.
    """
    return parse(strict.read_document(path), str(path))


def parse(document: Mapping[str, Any], where: str = "signature.json") -> Signature:
    """Build a signature from its parsed document; raises RegistryError where it is not one."""
    if document.get("format") != FORMAT:
        raise RegistryError(f"{where} has format {document.get('format')!r}; this Mulgam reads format {FORMAT}.")
    read = strict.fields(
        document,
        where,
        required={
            "format": int, "model": str, "task": str, "features": list, "target": dict,
            "inputs": list, "outputs": list, "tolerance": dict,
        },
        optional={"description": str, "synthetic": bool},
    )  # fmt: skip
    if read["task"] not in get_args(Task):
        raise RegistryError(f"{where}: task is {read['task']!r}, not one of {', '.join(get_args(Task))}.")
    signature = Signature(
        model=read["model"],
        task=cast(Task, read["task"]),
        features=tuple(parse_feature(item, f"{where}: features[{i}]") for i, item in enumerate(read["features"])),
        target=parse_target(read["target"], f"{where}: target"),
        inputs=tuple(_tensor(item, f"{where}: inputs[{i}]") for i, item in enumerate(read["inputs"])),
        outputs=tuple(_tensor(item, f"{where}: outputs[{i}]") for i, item in enumerate(read["outputs"])),
        tolerance=_tolerances(read["tolerance"], f"{where}: tolerance"),
        description=read["description"] or "",
        synthetic=bool(read["synthetic"]),
    )
    _check_consistent(signature, where)
    return signature


def _check_consistent(signature: Signature, where: str) -> None:
    names = [feature.name for feature in signature.features]
    if not names:
        raise RegistryError(f"{where} names no feature.")
    if len(set(names)) != len(names):
        raise RegistryError(f"{where} names a feature twice.")
    if sum(feature.type == "text" for feature in signature.features) > 1:
        raise RegistryError(f"{where} names more than one text feature.")
    if signature.tensors and len(signature.tensors) != len(names):
        raise RegistryError(f"{where} mixes tensors with other features.")
    if (signature.task == "generic") != (signature.target.shape is not None):
        raise RegistryError(f"{where}: the target's shape belongs to a generic model, and only there.")
    if (signature.task == "classification") != bool(signature.target.classes):
        raise RegistryError(f"{where}: classes belong to classification, and only there.")
    if signature.inputs != graph_inputs(signature.features):
        raise RegistryError(f"{where}: inputs do not follow from the features.")
    if signature.outputs != graph_outputs(signature.target):
        raise RegistryError(f"{where}: outputs do not follow from the target.")


def parse_feature(value: object, where: str) -> Feature:
    """One feature from its parsed document; raises RegistryError."""
    read = strict.fields(
        value,
        where,
        required={"name": str, "type": str, "missing": bool},
        optional={
            "unit": str, "minimum": strict.NUMBER, "maximum": strict.NUMBER, "vocabulary": list, "length": int,
            "datatype": str, "shape": list,
        },
    )  # fmt: skip
    if read["type"] not in get_args(FeatureType):
        raise RegistryError(f"{where}: type is {read['type']!r}, not one of {', '.join(get_args(FeatureType))}.")
    if not read["name"]:
        raise RegistryError(f"{where}: the name is empty.")
    if read["type"] == "text" and not (read["length"] or 0) > 0:
        raise RegistryError(f"{where}: a text needs a length above 0.")
    if read["type"] != "text" and read["length"] is not None:
        raise RegistryError(f"{where}: a length belongs to a text, and only there.")
    if read["type"] != "category" and read["vocabulary"]:
        raise RegistryError(f"{where}: a vocabulary belongs to a category, and only there.")
    described = read["datatype"] is not None or read["shape"] is not None
    if read["type"] == "tensor" and (read["datatype"] not in DTYPES or read["shape"] is None):
        raise RegistryError(f"{where}: a tensor needs a shape and a datatype, one of {', '.join(DTYPES)}.")
    if read["type"] != "tensor" and described:
        raise RegistryError(f"{where}: a datatype and a shape belong to a tensor, and only there.")
    _check_range(read, where)
    vocabulary = _strings(read["vocabulary"] or [], f"{where}: vocabulary")
    return Feature(**{**read, "vocabulary": vocabulary, "shape": _row_shape(read["shape"], where)})


def parse_target(value: object, where: str) -> Target:
    """The target from its parsed document; raises RegistryError."""
    read = strict.fields(
        value,
        where,
        required={"name": str},
        optional={"unit": str, "minimum": strict.NUMBER, "maximum": strict.NUMBER, "classes": list,
                  "shape": list},
    )  # fmt: skip
    _check_range(read, where)
    classes = _strings(read["classes"] or [], f"{where}: classes")
    return Target(**{**read, "classes": classes, "shape": _row_shape(read["shape"], where)})


def _row_shape(sizes: list[Any] | None, where: str) -> tuple[int, ...] | None:
    """The shape of one row of a tensor: whole sizes, one at least of each."""
    if sizes is None:
        return None
    if len(sizes) >= MAX_RANK or not all(type(size) is int and size > 0 for size in sizes):
        raise RegistryError(f"{where}: a row's shape must be a list of at most {MAX_RANK - 1} sizes above 0.")
    return tuple(sizes)


def _check_range(read: Mapping[str, Any], where: str) -> None:
    low, high = read["minimum"], read["maximum"]
    if low is not None and high is not None and low > high:
        raise RegistryError(f"{where}: minimum {low} is above its maximum {high}.")


def _tensor(value: object, where: str) -> Tensor:
    read = strict.fields(value, where, required={"name": str, "datatype": str, "shape": list}, optional={})
    if not all(type(size) is int and size >= -1 for size in read["shape"]):
        raise RegistryError(f"{where}: shape must be a list of integers, -1 for the batch.")
    return Tensor(read["name"], read["datatype"], tuple(read["shape"]))


def _tolerances(value: object, where: str) -> dict[str, dict[str, Tolerance]]:
    tolerances: dict[str, dict[str, Tolerance]] = {}
    for runtime, precisions in cast(dict[str, Any], value).items():
        if not isinstance(precisions, dict):
            raise RegistryError(f"{where}: {runtime!r} must be a JSON object.")
        tolerances[runtime] = {}
        for precision, item in precisions.items():
            read = strict.fields(
                item, f"{where}: {runtime}.{precision}",
                required={"relative": strict.NUMBER, "floor": strict.NUMBER}, optional={},
            )  # fmt: skip
            tolerance = Tolerance(float(read["relative"]), float(read["floor"]))
            if not (0 <= tolerance.relative < math.inf and 0 <= tolerance.floor < math.inf):
                raise RegistryError(f"{where}: {runtime}.{precision} must be from 0 on and finite.")
            tolerances[runtime][precision] = tolerance
    return tolerances


def _strings(values: list[Any], where: str) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values) or len(set(values)) != len(values):
        raise RegistryError(f"{where} must be distinct strings.")
    return tuple(values)


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None and (value != () or name == "shape")}
