"""A real Triton on the CPU: the binary and the Python backend that the `nvidia-pytriton` wheel carries.

Installed on demand into a folder of the test's own, never into the environment that runs the tests.
"""

from __future__ import annotations

import contextlib
import http.client
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import onnxruntime
import pytest

from tests.processes import call, free_port, wait_until

# Its stub was built against numpy 1: with numpy 2 it reads the sizes of arrays wrongly.
WHEELS = ("nvidia-pytriton==0.7.0", "numpy==1.26.4")
# Of `tritonserver`, below the folder it is installed into.
HOME = Path("pytriton", "tritonserver")
_CONFIG = """
name: "linear"
backend: "python"
max_batch_size: 1024
input [{ name: "numeric", data_type: TYPE_FP32, dims: [3] }]
output [{ name: "prediction", data_type: TYPE_FP32, dims: [1] }]
instance_group [{ kind: KIND_CPU, count: 1 }]
dynamic_batching {}
"""
# The lecture notes' model, as `tests.builders.Linear` has it; a missing value counts as the median of their table.
_MODEL = """
import sys
sys.path.insert(0, {packages!r})  # numpy
import numpy as np
import triton_python_backend_utils as pb

WEIGHTS = np.array([0.1, 0.3, 4.0], np.float32)
FILL = np.array([33.0, 3.0, 0.5], np.float32)


class TritonPythonModel:
    def execute(self, requests):
        return [pb.InferenceResponse([pb.Tensor("prediction", self.answer(request))]) for request in requests]

    def answer(self, request):
        rows = pb.get_input_tensor_by_name(request, "numeric").as_numpy()
        return (np.where(np.isnan(rows), FILL, rows) * WEIGHTS).sum(axis=1, keepdims=True).astype(np.float32)
"""
# A graph of ONNX as a model of the Python backend: its inputs by name, rows of several requests in one run.
_GRAPH = """
import sys
sys.path[:0] = {packages!r}  # numpy first: that of the stub
import onnxruntime
import triton_python_backend_utils as pb


class TritonPythonModel:
    def initialize(self, args):
        self.session = onnxruntime.InferenceSession({path!r}, providers=["CPUExecutionProvider"])

    def execute(self, requests):
        return [pb.InferenceResponse(self.answer(request)) for request in requests]

    def answer(self, request):
        names = [node.name for node in self.session.get_inputs()]
        inputs = {{name: pb.get_input_tensor_by_name(request, name).as_numpy() for name in names}}
        outputs = [node.name for node in self.session.get_outputs()]
        return [pb.Tensor(name, array) for name, array in zip(outputs, self.session.run(outputs, inputs))]
"""


def install(folder: Path) -> None:
    """Into this folder; skips the test where the wheel can't be had or run here."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        pytest.skip("the wheel with tritonserver is for Linux on x86-64")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *WHEELS]
    installed = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if installed.returncode != 0:
        pytest.skip(f"pip can't install {' and '.join(WHEELS)} here: {installed.stderr.strip()[-200:]}")
    home = folder / HOME
    stubs = home / "python_backend_stubs" / f"3.{sys.version_info.minor}"
    if not stubs.is_dir():
        pytest.skip(f"the wheel has no stub for Python 3.{sys.version_info.minor}")
    stub = Path(shutil.copy(stubs / "triton_python_backend_stub", home / "backends" / "python"))
    for program in (stub, home / "bin" / "tritonserver"):
        program.chmod(0o755)
    linked = subprocess.run(["ldd", str(stub)], capture_output=True, text=True, check=False).stdout
    if "not found" in linked:
        pytest.skip(f"the stub lacks a library of this system: {linked.strip()}")


def linear(home: Path, repository: Path) -> None:
    """The lecture notes' model as the model `linear` of a repository."""
    version = repository / "linear" / "1"
    version.mkdir(parents=True)
    (version.parent / "config.pbtxt").write_text(_CONFIG)
    (version / "model.py").write_text(_MODEL.format(packages=str(home.parents[1])))


def by_python(home: Path, repository: Path) -> None:
    """Have the Python backend run the graphs of an exported repository: the wheel has no ONNX Runtime backend.

    Of each configuration one line changes, the platform's.
    """
    packages = [str(home.parents[1]), str(Path(onnxruntime.__file__).parents[1])]
    for config in repository.glob("*/config.pbtxt"):
        lines = config.read_text().splitlines()
        changed = ['backend: "python"' if line.startswith("platform: ") else line for line in lines]
        assert changed != lines
        config.write_text("\n".join(line for line in changed if not line.startswith("default_model_filename")) + "\n")
        for version in (folder for folder in config.parent.iterdir() if folder.is_dir()):
            (version / "model.py").write_text(_GRAPH.format(packages=packages, path=str(version / "model.onnx")))


@contextlib.contextmanager
def serving(home: Path, folder: Path) -> Iterator[int]:
    """A Triton that serves the models of `<folder>/repository`; gives its HTTP port."""
    port = free_port()
    models = sorted(path.name for path in (folder / "repository").iterdir())
    command = [
        str(home / "bin" / "tritonserver"),
        f"--model-repository={folder / 'repository'}", f"--backend-directory={home / 'backends'}",
        "--model-control-mode=explicit", *(f"--load-model={model}" for model in models),
        "--disable-auto-complete-config",
        "--http-address=127.0.0.1", f"--http-port={port}", "--allow-grpc=false", "--allow-metrics=false",
        "--exit-timeout-secs=5",
    ]  # fmt: skip
    log = folder / "triton.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:

        def ready() -> bool:
            assert process.poll() is None, log.read_text(errors="replace")
            with contextlib.suppress(OSError, http.client.HTTPException):
                return all(call(port, "GET", f"/v2/models/{one}/ready", timeout=5).status == 200 for one in models)
            return False

        wait_until(ready, 60, "Triton is ready")
        yield port
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
