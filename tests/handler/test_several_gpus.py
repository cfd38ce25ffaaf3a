"""Several GPUs in one machine: a worker runs its model on the one that TorchServe gave it, whatever the runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from handler import runtime_onnx
from handler.runtime_torchscript import TorchScriptRuntime
from handler.worker import Worker
from mulgam.registry import Registry
from tests.handler.unpacked import unpack


class _Context:
    """What a worker asks of TorchServe's context."""

    model_name = "notes"

    def __init__(self, folder: Path, gpu: int) -> None:
        self.system_properties = {"model_dir": str(folder), "gpu_id": gpu}
        self.manifest = {"model": {"modelName": "notes", "modelVersion": "1", "serializedFile": "model.onnx"}}


@pytest.mark.parametrize("gpu", [0, 3])
def test_a_worker_opens_its_model_on_its_gpu(registry: Registry, tmp_path: Path, gpu: int) -> None:
    """The number goes from TorchServe's context to the runtime as it is."""
    opened: list[int | None] = []

    class Here(Worker):
        @staticmethod
        def open_runtime(path: Path, signature: Any, gpu: int | None) -> Any:
            opened.append(gpu)
            return runtime_onnx.OnnxRuntime(path, signature, None)

    Here().initialize(_Context(unpack(registry.entry("notes", 1), "onnx", tmp_path), gpu))
    assert opened == [gpu]


def test_onnx_runtime_is_told_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a number of CUDA's, beside the options that keep answers right; without a GPU the CPU alone."""
    monkeypatch.setattr(
        runtime_onnx.onnxruntime, "get_available_providers", lambda: [runtime_onnx.CUDA, runtime_onnx.CPU]
    )
    (name, options), cpu = runtime_onnx._providers(2)
    assert (name, options["device_id"], options["use_tf32"], cpu) == (runtime_onnx.CUDA, "2", "0", runtime_onnx.CPU)
    assert runtime_onnx._providers(None) == [runtime_onnx.CPU]


def test_torchscript_is_told_which(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module is put there, and the answer says so."""
    placed: list[str] = []

    class Module:
        def eval(self) -> Module:
            return self

        def forward(self) -> None:
            """Never called here."""

    def loaded(path: str, map_location: str) -> Module:
        placed.append(map_location)
        return Module()

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.jit, "load", loaded)
    entry = registry.entry("notes", 1)
    runtime = TorchScriptRuntime(entry.path / "model.pt", entry.signature, 1)
    assert (runtime.device, placed) == ("cuda:1", ["cuda:1"])
