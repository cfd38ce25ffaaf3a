"""A model of somebody else, published by the command, answers over HTTP like the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from model.publish.__main__ import main
from mulgam import pruning
from mulgam.registry import Registry
from tests import builders
from tests.model.test_publish import PRICE, ROWS, perceptron, write_onnx
from tests.processes import call, predict, serving, wait_until

pytestmark = [pytest.mark.live, pytest.mark.beside]


@pytest.mark.parametrize("backend", ["onnxruntime", "torchserve"])
def test_models_of_others_are_served(tmp_path: Path, backend: str) -> None:
    """A perceptron as ONNX with columns, as ONNX with its own tensors, and as TorchScript where there is a runtime."""
    registry, module = tmp_path / "registry", perceptron()
    write_onnx(tmp_path / "m.onnx", module)
    torch.jit.save(torch.jit.script(module), tmp_path / "m.pt")
    (tmp_path / "price.toml").write_text(PRICE, encoding="utf-8")
    columns, graph, script = ["--signature", str(tmp_path / "price.toml")], str(tmp_path / "m.onnx"), tmp_path / "m.pt"
    for name, arguments in {
        "columns": [graph, *columns],
        "tensors": [graph],
        "script": [str(script), *columns],
    }.items():
        assert main([*arguments, "--name", name, "--registry", str(registry)]) == 0
    expected = module(torch.tensor(ROWS)).detach().numpy()
    with serving(registry, tmp_path, backend=backend) as service:
        assert predict(service.port, "columns", ROWS).json["predictions"] == pytest.approx(expected[:, 0], abs=1e-4)
        flat = [value for row in ROWS for value in row]
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 3], "data": flat}]}
        reply = call(service.port, "POST", "/v2/models/tensors/infer", json.dumps(body).encode(),
                     content_type="application/json")  # fmt: skip
        (output,) = reply.json["outputs"]
        assert (output["name"], output["shape"]) == ("y", [2, 1])
        assert output["data"] == pytest.approx(expected[:, 0], abs=1e-4)
        refused = call(service.port, "POST", "/predict/tensors", b"x\n1\n", content_type="text/csv")
        assert (refused.status, refused.json["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
        reply = predict(service.port, "script", ROWS)
        if backend == "torchserve":
            assert reply.json["predictions"] == pytest.approx(expected[:, 0], abs=1e-4)
        else:
            assert reply.status == 404


def test_what_a_running_service_serves_is_not_pruned(tmp_path: Path) -> None:
    """Newer versions came while it served an older one: that one stays, and goes once nothing serves it."""
    registry = Registry(tmp_path / "registry")
    builders.publish_linear(registry.root)
    prune = ["notes", "--keep", "1", "--registry", str(registry.root)]
    with serving(registry.root, tmp_path, backend="onnxruntime") as service:
        for _ in range(2):
            builders.publish_linear(registry.root, weights=(0.2, 0.3, 4.0))
        assert pruning.main(prune) == 0
        assert registry.versions("notes") == [1, 3]
        assert predict(service.port, "notes", [[10, 0, 0]]).json["version"] == 1
    # A killed gateway lets go of its files a moment later.
    wait_until(lambda: pruning.main(prune) == 0 and registry.versions("notes") == [3], 10, "version 1 is removed")
