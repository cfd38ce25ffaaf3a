"""GPU and ONNX Runtime: not what a list promises, but what a session really gets."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from collections.abc import Iterator

from service.doctor.findings import Finding, failure, ok, warning
from service.doctor.situation import Situation

GPU, RUNTIME = "gpu", "onnxruntime"
_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
# An ONNX model that adds two numbers to themselves: opset 13, 63 bytes.
_SMALLEST = base64.b64decode("CAg6NQoOCgF4CgF4EgF5IgNBZGQSAWdaDwoBeBIKCggIARIECgIIAmIPCgF5EgoKCAgBEgQKAggCQgQKABAN")
_TORCH = "import torch; print(torch.cuda.is_available() and torch.ones(2, device='cuda').sum().item() == 2)"
_INSTALL = "`make -B setup DEVICE=gpu` installs the builds for a GPU."


def check(situation: Situation) -> Iterator[Finding]:
    """What the driver shows, and whether ONNX Runtime and torch can compute there."""
    settings = situation.settings
    if settings is None:
        return
    yield _runtime()
    if settings.device == "cpu":
        yield ok(GPU, "not wanted: DEVICE=cpu")
        return
    cards, problem = _cards()
    # What is demanded and missing ends a start; what is only taken where it is, does not.
    wrong = failure if settings.device == "gpu" else warning
    if problem:
        yield wrong(GPU, problem, "Install or repair NVIDIA's driver, or serve with DEVICE=cpu.")
        return
    if not cards:
        if settings.device == "gpu":
            yield failure(GPU, "DEVICE=gpu, and no driver shows one", "Serve with DEVICE=auto or DEVICE=cpu.")
        else:
            yield ok(GPU, "none here; models run on the CPU")
        return
    uses = _torch_uses_gpu() if settings.backend == "torchserve" and settings.runtime == "torchscript" else _has_cuda()
    if uses:
        yield ok(GPU, f"{cards[0]}{f' and {len(cards) - 1} more' if len(cards) > 1 else ''}; a computation ran on it")
    else:
        yield wrong(GPU, f"{cards[0]} is there, and what is installed can't compute on it", _INSTALL)


def _runtime() -> Finding:
    """Whether ONNX Runtime makes a session and gives the right answer."""
    try:
        import onnxruntime

        version = onnxruntime.__version__
        if not _adds(_CPU):
            return failure(RUNTIME, f"ONNX Runtime {version} gives a wrong answer", "`make -B setup` installs it anew.")
    except Exception as problem:  # of the import, or of the session: classes of its own, one for each status
        reason = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        return failure(RUNTIME, f"ONNX Runtime can't be used: {reason}", "`make -B setup` installs it anew.")
    return ok(RUNTIME, f"ONNX Runtime {version} computes")


def _adds(provider: str) -> bool:
    """Whether a session really got the provider and adds rightly on it."""
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(_SMALLEST, options, providers=[provider])
    (answer,) = session.run(None, {"x": numpy.array([1, 2], dtype=numpy.float32)})
    return bool(session.get_providers()[0] == provider and answer.tolist() == [2, 4])


def _has_cuda() -> bool:
    try:
        import onnxruntime

        # The list names CUDA where there is none: only the session tells.
        return _CUDA in onnxruntime.get_available_providers() and _adds(_CUDA)
    except Exception:  # classes of its own
        return False


def _torch_uses_gpu() -> bool:
    """Asked in a process of its own: the service never loads torch."""
    try:
        asked = subprocess.run([sys.executable, "-c", _TORCH], capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return False
    return asked.stdout.strip() == "True"


def _cards() -> tuple[list[str], str]:
    """The GPUs that the driver names, or what is wrong with it."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return [], ""
    try:
        command = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        return [], f"nvidia-smi does not answer ({type(problem).__name__})"
    lines = [line.strip() for line in listed.stdout.splitlines() if line.strip()]
    if listed.returncode != 0:
        return [], f"nvidia-smi fails: {(lines or listed.stderr.strip().splitlines() or ['it says nothing'])[-1]}"
    return lines, ""
