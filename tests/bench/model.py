"""The models that every contestant serves, published through Mulgam's own gates with a fixed seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from torch import Tensor, nn

from model.release.baseline_histograms import FORMAT, histogram
from model.release.parity import tolerances
from model.release.release import Documents, release
from mulgam.registry import ONNX, TORCHSCRIPT, Registry
from mulgam.signature import NUMERIC, Feature, Signature, Target, graph_inputs, graph_outputs

Rows = npt.NDArray[np.float32]
FEATURES = 8
HIDDEN = {"mlp": 256, "heavy": 2048}
_SEED = 20200401


@dataclass(frozen=True)
class Published:
    """One model, alone in a registry of its own: memory and cold start are those of serving one model."""

    name: str
    registry: Path
    onnx: Path
    torchscript: Path

    def expected(self, rows: Rows) -> Rows:
        """What ONNX Runtime answers to rows [N, 8]: float32 [N]."""
        session = onnxruntime.InferenceSession(str(self.onnx), providers=["CPUExecutionProvider"])
        output: Rows = session.run(None, {NUMERIC: rows})[0]
        return output


class Mlp(nn.Module):
    """8 → hidden → hidden → 1 with ReLU, answers of order one: [N, 8] → [N]."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(FEATURES, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1)
        )
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)

    def forward(self, numeric: Tensor) -> Tensor:
        return self.layers(numeric).squeeze(1)


def draw(count: int, seed: int = 0) -> Rows:
    """Rows of a table: four decimals, as people write numbers; float32 [count, 8]."""
    rows = np.random.default_rng([_SEED, seed]).normal(size=(count, FEATURES)).clip(-3, 3)
    return rows.round(4).astype(np.float32)


def as_json(rows: Rows) -> list[list[float]]:
    """The same rows as a client writes them."""
    return [[round(float(value), 4) for value in row] for row in rows]


def publish(name: str, folder: Path) -> Published:
    """Publish `mlp` or `heavy` into a registry below `folder`."""
    torch.manual_seed(_SEED)
    features = tuple(
        Feature(f"x{number}", "number", minimum=-3.0, maximum=3.0, missing=False) for number in range(FEATURES)
    )
    target = Target("y")
    signature = Signature(
        name, "regression", features, target, graph_inputs(features), graph_outputs(target), tolerances(floor=1.0)
    )
    module, rows = Mlp(HIDDEN[name]).eval(), draw(1024, seed=4)
    with torch.no_grad():
        predicted = module(torch.from_numpy(rows)).double().numpy()
    baseline = {
        "format": FORMAT,
        "features": {one.name: histogram(rows[:, place].astype(np.float64)) for place, one in enumerate(features)},
        "prediction": histogram(predicted),
    }
    documents = Documents(
        metrics={"scores": {}}, baseline=baseline, environment={}, recipe=f'name = "{name}"\n',
        report=lambda _: "<!doctype html>\n",
    )  # fmt: skip
    registry = Registry(folder / f"registry-{name}")
    entry = release(module, signature, {NUMERIC: draw(32, seed=1)}, registry, documents)
    return Published(name, registry.root, entry.path / ONNX, entry.path / TORCHSCRIPT)
