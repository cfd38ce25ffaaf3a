"""The part of the benchmark that wants a GPU: what it does without one, and its arithmetic."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import conditions, gpu
from tests.bench.model import publish
from tests.bench.tree import ROOT


def test_without_a_gpu_it_says_why_and_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 0: nothing is wrong with a machine that has none. Neither torch nor ONNX Runtime alone is enough."""
    import onnxruntime
    import torch

    monkeypatch.setattr(gpu, "_run", lambda *_: pytest.fail("it began"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main([]) == 0
    assert capsys.readouterr().out == "Not run: no GPU that torch can compute on.\n"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    assert gpu.main([]) == 0
    assert "Not run: this build of ONNX Runtime has no CUDA" in capsys.readouterr().out
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    assert conditions.missing_gpu() == ""


def test_a_row_tells_where_the_time_goes() -> None:
    """2 ms of a request: half of it is not the backend's, of its 1 ms the model's own run is 0.5."""
    found = gpu.row("a server", 4096, whole=0.002, in_backend=0.001, of_model=0.0005, rows_rate=7_372_800.0)
    assert found == [
        "a server", "4096", "2.00", "50%", "25%", "25%", "7,372,800", "8,192,000", "0.90", "≥ 0.9: yes"
    ]  # fmt: skip
    assert gpu.row("a server", 64, 0.002, 0.001, 0.0005, 1.0)[-1] == "–"


@pytest.mark.parametrize("runtime", ["torchscript", "onnx"])
def test_the_bare_model_is_called(tmp_path: Path, runtime: str) -> None:
    """Without any server, by what a worker would call."""
    assert 0 < gpu.bare(publish("mlp", tmp_path), runtime, "cpu", 4, 1) < 1


@pytest.mark.parametrize("runtime", ["torchscript", "onnx"])
def test_a_bare_model_that_misses_its_gpu_says_so(tmp_path: Path, runtime: str) -> None:
    """A ratio to a CPU's figures, called a GPU's, would flatter the server."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(gpu.BenchError, match=r"did not get the GPU, but cpu"):
        gpu.bare(publish("mlp", tmp_path), runtime, "gpu", 4, 1)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.live
@pytest.mark.beside
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk, the load generator, is not installed")
def test_it_runs_from_end_to_end_on_a_cpu(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each way of serving at 1, 64 and 4,096 rows, and what `auto` chose for each model."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench.gpu", "--device", "cpu", "--model", "mlp", "--seconds", "1"],
        cwd=ROOT, capture_output=True, text=True, timeout=280, check=False,
        env={**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("g"))},  # short: Unix sockets lie in it
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    for title, _, _ in gpu.SERVED:
        for rows in gpu.ROWS:
            assert f"| {title} | {rows} |" in ended.stdout
    assert ended.stdout.count("is served by the CPU") == 2
