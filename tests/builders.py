"""Small versions for tests, published through the same gates as a trained model: about a second each."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from model.release.parity import tolerances
from model.release.release import Documents, release
from mulgam.registry import Entry, Registry
from mulgam.signature import Feature, Signature, Target, graph_inputs, graph_outputs

# The lecture notes' table: area [pyeong], rooms, distance to the station [km]; price [억 원].
NOTES_ROWS = ((32.0, 3.0, 0.3), (33.0, 3.0, 0.5), (36.0, 4.0, 0.5))
NOTES_PRICES = (6.0, 7.0, 8.5)
DOCUMENTS = Documents(
    metrics={"scores": {}}, baseline={}, environment={}, recipe='name = "test"\n', report=lambda _: "<!doctype html>\n"
)


class Linear(nn.Module):
    """weights · features + bias; a missing value counts as the median of the notes' table."""

    def __init__(self, weights: Sequence[float], bias: float) -> None:
        super().__init__()
        self.register_buffer("weights", torch.tensor(list(weights)))
        self.register_buffer("bias", torch.tensor(bias))
        self.register_buffer("fill", torch.tensor(NOTES_ROWS).median(dim=0).values)

    def forward(self, numeric: Tensor) -> Tensor:
        filled = torch.where(torch.isnan(numeric), self.fill, numeric)
        return (filled * self.weights).sum(dim=1) + self.bias


class TinyClassifier(nn.Module):
    """Three numbers to the probabilities of three classes, by fixed random weights; a missing value counts as 0."""

    def __init__(self, seed: int = 7) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("hidden", torch.randn(3, 8, generator=generator))
        self.register_buffer("head", torch.randn(8, 3, generator=generator))

    def forward(self, numeric: Tensor) -> Tensor:
        filled = torch.nan_to_num(numeric)
        return torch.softmax(torch.relu(filled @ self.hidden) @ self.head, dim=1)


class Mixed(nn.Module):
    """A number, two ids and a text to the probabilities of two classes; finite whatever it is given."""

    def forward(self, numeric: Tensor, categories: Tensor, text: Tensor) -> Tensor:
        size = torch.tanh(torch.nan_to_num(numeric))
        words = torch.tanh(categories.sum(dim=1, keepdim=True).to(torch.float32))
        length = torch.tanh((text > 0).sum(dim=1, keepdim=True).to(torch.float32))
        score = size + words + length
        return torch.softmax(torch.cat([score, -score], dim=1), dim=1)


def linear_signature(name: str = "notes", *, missing: bool = True) -> Signature:
    """The signature of the notes' linear model."""
    features = (
        Feature("area", "number", unit="pyeong", minimum=32.0, maximum=36.0, missing=missing),
        Feature("rooms", "number", minimum=3.0, maximum=4.0, missing=missing),
        Feature("distance", "number", unit="km", minimum=0.3, maximum=0.5, missing=missing),
    )
    target = Target("price", unit="억 원", minimum=6.0, maximum=8.5)
    return Signature(
        name, "regression", features, target, graph_inputs(features), graph_outputs(target),
        tolerances(floor=float(np.std(NOTES_PRICES))),
        description="The lecture notes' linear model.",
    )  # fmt: skip


def publish_linear(
    root: Path,
    name: str = "notes",
    weights: Sequence[float] = (0.1, 0.3, 4.0),
    bias: float = 0.0,
    *,
    missing: bool = True,
) -> Entry:
    """Publish the lecture notes' `Linear` (area [pyeong], rooms, distance [km] → price [억 원]) below `root`.

    `missing` says whether the signature allows missing values.
    """
    held_out = {"numeric": np.array(NOTES_ROWS, dtype=np.float32)}
    return release(Linear(weights, bias), linear_signature(name, missing=missing), held_out, Registry(root), DOCUMENTS)


def publish_tiny_classifier(root: Path, name: str = "shapes", precisions: Sequence[str] = ()) -> Entry:
    """Publish a classifier of three numbers (`width`, `height`, `depth`) into circle, square and triangle.

    `precisions` are those of its smaller ONNX forms.
    """
    features = tuple(Feature(side, "number", unit="cm", minimum=-2.0, maximum=2.5) for side in
                     ("width", "height", "depth"))  # fmt: skip
    target = Target("shape", classes=("circle", "square", "triangle"))
    signature = Signature(
        name, "classification", features, target, graph_inputs(features), graph_outputs(target),
        tolerances(1.0, variants=precisions),
    )  # fmt: skip
    held_out = {"numeric": np.random.default_rng(7).normal(size=(32, 3)).astype(np.float32)}
    classes = np.random.default_rng(7).integers(0, 3, 32)
    return release(TinyClassifier(), signature, held_out, Registry(root), DOCUMENTS, classes, precisions)


def publish_mixed(root: Path, name: str = "mixed") -> Entry:
    """Publish a classifier of every kind of column (`size`, `town`, `new`, `words`) into cheap and dear."""
    features = (
        Feature("size", "number", minimum=0.0, maximum=2.0, missing=False),
        Feature("town", "category", vocabulary=("Seoul", "부산", "7")),
        Feature("new", "boolean"),
        Feature("words", "text", length=6),
    )
    target = Target("price", classes=("cheap", "dear"))
    signature = Signature(
        name, "classification", features, target, graph_inputs(features), graph_outputs(target), tolerances(1.0)
    )
    rng = np.random.default_rng(7)
    held_out = {
        "numeric": rng.normal(size=(8, 1)).astype(np.float32),
        "categories": rng.integers(0, 4, (8, 2)),
        "text": rng.integers(0, 99, (8, 6)).astype(np.int32),
    }
    return release(Mixed(), signature, held_out, Registry(root), DOCUMENTS, rng.integers(0, 2, 8))


def gzipped(data: bytes) -> bytes:
    """The same bytes at any time of day: they stand in names of tests, which every process must find alike."""
    return gzip.compress(data, mtime=0)
