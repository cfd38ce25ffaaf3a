"""The document of four models: the two of the registry, one of every kind of column, one of tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from mulgam.golden import Golden
from mulgam.registry import Entry
from mulgam.signature import Feature, Signature, Target, Tolerance, graph_inputs, graph_outputs
from mulgam.tensors import Arrays
from service.app import create_app
from service.backends.base import Answer
from service.bridge import Bridge
from service.metrics.recording import Metrics
from service.plane import DataPlane
from service.settings import Settings
from service.versions.served import Catalogue, LineUp, Served
from tests.service.openapi.validation import Judge

TOLERANCE = {runtime: {"float32": Tolerance(1e-5, 1.0)} for runtime in ("torchscript", "onnx")}
TASKS: Any = {"": "regression", "classes": "classification", "shape": "generic"}


def served(name: str, features: tuple[Feature, ...], target: Target, golden: list[Golden], version: int = 1) -> Served:
    """A version without files."""
    task = TASKS["shape" if target.shape is not None else "classes" if target.classes else ""]
    digest = hashlib.sha256(f"{name} {version}".encode()).hexdigest()
    entry = Entry(name, version, Path(name, str(version)), digest)
    vars(entry)["signature"] = Signature(
        name, task, features, target, graph_inputs(features), graph_outputs(target), TOLERANCE
    )
    vars(entry)["golden"] = golden
    found = Served(entry, "onnx")
    vars(found)["scores"] = vars(found)["baseline"] = {}
    return found


NOTES = served(
    "notes",
    (
        Feature("area", "number", unit="pyeong", minimum=32.0, maximum=36.0),
        Feature("rooms", "number", missing=False),
    ),
    Target("price", unit="억 원"),
    [
        Golden([{"area": 32.5, "rooms": 3}], np.array([6.01], np.float32)),
        Golden([[32, 3.5], [33, 4]], np.array([6, 7], np.float32)),
        Golden([{"area": None, "rooms": 3}], np.array([5], np.float32)),
    ],
)
MIXED = served(
    "mixed",
    (
        Feature("size", "number", missing=False),
        Feature("town", "category", vocabulary=("Seoul", "부산", "7")),
        Feature("new", "boolean", missing=False),
        Feature("words", "text", length=6),
    ),
    Target("y", classes=("cheap", "dear")),
    [
        Golden([{"size": 1.5, "town": "Seoul", "new": True, "words": "물감"}], np.array([[0.25, 0.75]], np.float32)),
        Golden([[2, "부산", False, ""]], np.array([[1, 0]], np.float32)),
        Golden([{"size": 1, "town": None, "new": False, "words": None}], np.array([[0.5, 0.5]], np.float32)),
    ],
)
TEXT = served(
    "text",
    (Feature("words", "text", missing=False, length=4),),
    Target("y", classes=("a", "b")),
    [Golden(["ab"], np.array([[0.25, 0.75]], np.float32)), Golden([["xyz"]], np.array([[1, 0]], np.float32))],
)
PIXELS = served(
    "pixels",
    (Feature("image", "tensor", missing=False, datatype="FP32", shape=(2, 3)),),
    Target("scores", shape=(2,)),
    [
        Golden([{"image": [[1, 2, 3], [4, 5, 6]]}], np.array([[1, 2]], np.float32)),
        Golden([[[1, 2, 3], [4, 5, 6.5]]], np.array([[1, 2]], np.float32)),
    ],
)
PAIR = served(
    "pair",
    (
        Feature("ids", "tensor", missing=False, datatype="INT16", shape=(3,)),
        Feature("flags", "tensor", missing=False, datatype="BOOL", shape=()),
    ),
    Target("y"),
    [Golden([{"ids": [1, 2, 3], "flags": True}], np.array([1], np.float32))],
)
MODELS = (NOTES, MIXED, TEXT, PIXELS, PAIR)


class Halves:
    """A backend that answers one half everywhere."""

    workers = lanes = 1

    def cheap_rows(self, served: Served) -> int:
        """Everything at once."""
        return 1000

    def idle_rows(self, served: Served) -> int:
        """Nothing is queued."""
        return 0

    def at_once(self, served: Served, tensors: Arrays) -> Answer:
        """One half for every element of the output."""
        rows = len(next(iter(tensors.values())))
        return Answer(np.full((rows, *served.signature.output.shape[1:]), 0.5, np.float32), served.digest)

    async def predict(self, served: Served, tensors: Arrays, timeout: float) -> Answer:
        """The same."""
        return self.at_once(served, tensors)

    async def prepare(self, served: Served) -> None:
        """Nothing to load."""

    async def release(self, served: Served) -> None:
        """Nothing to forget."""

    async def close(self) -> None:
        """Nothing to release."""


@dataclass
class Api:
    """A running app, and the document that it gives of itself."""

    plane: DataPlane
    client: FlaskClient
    judge: Judge


def api_of(catalogue: Catalogue, bridge: Bridge, settings: Settings) -> Api:
    """The app of these models."""
    plane = DataPlane(settings, catalogue, Halves(), Metrics())
    client = create_app(plane, bridge).test_client()
    return Api(plane, client, Judge(client.get("/openapi.json").json))


@pytest.fixture(scope="module")
def api(bridge: Bridge) -> Iterator[Api]:
    """Every kind of model, small limits."""
    catalogue = Catalogue(LineUp(one) for one in MODELS)
    return api_of(catalogue, bridge, Settings(max_rows=20))
