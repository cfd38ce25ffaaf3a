"""The part of the benchmark that wants a GPU: what it does without one, and its arithmetic."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench import conditions, gpu
from tests.bench.cells import Cell, Sample
from tests.bench.contestants.mulgam import MulgamEmbedded, MulgamTorchServe
from tests.bench.model import Published, publish
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


@pytest.mark.parametrize(
    ("made", "most", "warmed"), [(MulgamTorchServe, 16, 16), (MulgamTorchServe, 1, 1), (MulgamEmbedded, 16, 1)]
)
def test_each_number_of_rows_is_measured_once_it_is_warm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: type[Any], most: int, warmed: int
) -> None:
    """Alone and by several callers, on the device that was asked for; Java has the longer load before, where it may."""
    measured: list[tuple[Cell, int]] = []

    class Running:
        @staticmethod
        def measure(cell: Cell, seconds: int) -> Sample:
            measured.append((cell, seconds))
            return Sample(100.0, 0, 1.0, 2.0, 50.0, 0.2, 0.0)

    @contextlib.contextmanager
    def running(server: Any, place: Any) -> Iterator[type[Running]]:
        assert server._settings["device"] == "cpu"
        yield Running

    monkeypatch.setattr(made, "running", running)
    told = iter([(0.0, 0.0), (0.5, 100.0)] * 2)
    monkeypatch.setattr(gpu, "_backend", lambda port: next(told))
    monkeypatch.setattr(gpu, "bare", lambda model, runtime, device, rows, seconds: 0.001)
    model = Published("mlp", tmp_path, tmp_path, tmp_path)
    rows = list(gpu.measured("a server", made, "onnx", model, gpu.Asked("cpu", 3, (1, 4096), most), tmp_path / "p"))
    assert [(row[1], row[-1]) for row in rows] == [("1", "–"), ("4096", "≥ 0.9: no")]
    assert [row[2:6] for row in rows] == [["10.0", "50%", "40%", "10%"]] * 2
    several = gpu.CONNECTIONS
    assert [(cell.rows, cell.connections, seconds) for cell, seconds in measured] == [
        (1, several, warmed), (1, 1, 1), (1, 1, 3), (1, several, 3), (4096, 1, 1), (4096, 1, 3), (4096, several, 3),
    ]  # fmt: skip


def test_rows_are_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    """By numbers that a service takes; others are a sentence."""
    assert gpu.row_counts("1,64") == (1, 64)
    for text in ("", "0", "1,x", "-1", "10001", "1,,2"):
        with pytest.raises(SystemExit):
            gpu.main([f"--rows={text}"])
        assert "is not a list of whole numbers from 1 to 10000" in capsys.readouterr().err


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
    """Each way of serving, at its most rows and cold, and what `auto` chose for each model."""
    words = ["--device", "cpu", "--model", "mlp", "--seconds", "1", "--rows", "4096", "--warm-up", "1"]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.bench.gpu", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=280, check=False,
        env={**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("g"))},  # short: Unix sockets lie in it
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    for title, _, _ in gpu.SERVED:
        assert f"| {title} | 4096 |" in ended.stdout
    assert ended.stdout.count("is served by the CPU") == 2
