"""ONNX Runtime's sessions: opened on the device that is asked for, and measured.

Where the device is ours to choose, it is the one that computes a batch sooner: a small model is done on the CPU before
its rows have reached a GPU.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
import time
from typing import Any

import numpy as np
import onnxruntime

from mulgam.errors import MulgamError
from mulgam.onnx_file import check_content
from service.versions.served import Served, check_has_onnx, onnx_name

log = logging.getLogger(__name__)

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"

# The event loop serves everyone: nothing that takes longer than this runs on it.
CHEAP_SECONDS = 0.0005
# Where fewer rows than these are so quick, a call costs far more than a row: those that come together are better
# computed at once in a thread, one batch after the other, than by several calls on the loop.
LEAST_CHEAP_ROWS = 16
_MEASURED_ROWS = 64
_MEASURED_TIMES = 20


def opened(served: Served, device: str) -> Any:
    """A session for a version.

    Args:
        served: the version.
        device: `cpu`; `gpu`, and nothing else; or `auto`: the GPU, if there is one and it is the faster.

    Raises:
        MulgamError: it can't be loaded, or not on the GPU that is demanded.
    """
    session = _session(served, device)
    if device != "auto" or session.get_providers()[0] != CUDA:
        return session
    beside = _session(served, "cpu")
    on_gpu, on_cpu = (median_seconds(one, served, _MEASURED_ROWS) for one in (session, beside))
    log.info(
        "%s computes %d rows in %.0f µs on the GPU, in %.0f µs on the CPU: it is served by the %s",
        served.name, _MEASURED_ROWS, on_gpu * 1e6, on_cpu * 1e6, "CPU" if on_cpu < on_gpu else "GPU",
    )  # fmt: skip
    return beside if on_cpu < on_gpu else session


def quick_rows(session: Any, served: Served) -> int:
    """How many rows run within `CHEAP_SECONDS`, from the medians of one row and of many."""
    one, many = (median_seconds(session, served, rows) for rows in (1, _MEASURED_ROWS))
    if one > CHEAP_SECONDS:
        return 0
    row = max((many - one) / (_MEASURED_ROWS - 1), 1e-9)
    return int((CHEAP_SECONDS - one) / row) + 1


def median_seconds(session: Any, served: Served, rows: int) -> float:
    """Of one run of so many rows, the first ones apart."""
    instances = served.entry.golden[0].instances
    repeated = (instances * rows)[:rows]
    tensors = served.encoder.encode(repeated)
    for _ in range(3):
        session.run(None, tensors)
    times = []
    for _ in range(_MEASURED_TIMES):
        started = time.perf_counter()
        session.run(None, tensors)
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def _session(served: Served, device: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    # Both keep memory for every batch size that was ever seen: one large request would be held for good.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    check_has_onnx(served.entry, served.precision)
    path = served.entry.path / onnx_name(served.precision)
    content = served.entry.read(path.name)  # the bytes that were verified: the file may change behind our back
    check_content(content, path)
    try:
        session = onnxruntime.InferenceSession(content, options, providers=_providers(device))
    except Exception as problem:  # onnxruntime raises classes of its own, one for each status
        raise MulgamError(f"ONNX Runtime can't load {path}: it refused the graph.") from problem
    # The list of available providers names CUDA where there is no GPU; only the session tells what it got.
    if device == "gpu" and session.get_providers()[0] != CUDA:
        raise MulgamError(f"MULGAM_DEVICE is gpu, but ONNX Runtime could not put {served.name!r} on a GPU.")
    return session


def _providers(device: str) -> list[Any]:
    if device == "cpu" or CUDA not in onnxruntime.get_available_providers():
        return [CPU]
    _load_cuda()
    # TF32 rounds to 10 bits: answers would leave the tolerance of the golden requests.
    return [(CUDA, {"use_tf32": "0"}), CPU]


@functools.cache
def _load_cuda() -> None:
    """CUDA's libraries come from pip, as torch's: in folders where the loader does not look, and torch is not imported
    here. Where they are not, it says so on stderr, and the session falls back to the CPU."""
    with contextlib.redirect_stdout(sys.stderr):
        onnxruntime.preload_dlls()
