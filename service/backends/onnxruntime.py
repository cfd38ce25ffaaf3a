"""Predictions inside the gateway's own process, by ONNX Runtime: no TorchServe, no second process."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from mulgam.encoding import Arrays
from mulgam.errors import MulgamError
from mulgam.onnx_file import check_self_contained
from service.backends.base import Answer
from service.errors import backend_unavailable
from service.served import Served, check_has_onnx, onnx_path

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"

# The event loop serves everyone: nothing that takes longer than this runs on it.
CHEAP_SECONDS = 0.0005
_MEASURED_ROWS = 64
_MEASURED_TIMES = 20


@dataclass(frozen=True)
class _Model:
    """A session with the number of rows that are cheap enough for the event loop."""

    session: Any
    outputs: list[str]
    cheap_rows: int

    def run(self, tensors: Arrays) -> npt.NDArray[Any]:
        """The model's output; the session's own wrapper, which checks names once more, costs a sixth of a small run."""
        (output,) = self.session._sess.run(self.outputs, tensors, None)
        return output  # type: ignore[no-any-return]


class OnnxRuntimeBackend:
    """Holds one session for each served model, and knows by measuring what each costs.

    Raises:
        MulgamError: a model can't be loaded, or a GPU is demanded and the session did not get it.
    """

    def __init__(self, served: Iterable[Served], device: str) -> None:
        self._device = device
        self._models = {one.digest: _loaded(one, device) for one in served}
        # onnxruntime frees the interpreter lock while it computes, so threads use the cores.
        self.workers = self.lanes = len(os.sched_getaffinity(0))
        # One more than requests use at a time, for golden replays and shadows.
        self._threads = ThreadPoolExecutor(max_workers=self.lanes + 1, thread_name_prefix="onnxruntime")

    def cheap_rows(self, served: Served) -> int:
        """By the time that this model took when it was loaded."""
        return self._model(served).cheap_rows

    def at_once(self, served: Served, tensors: Arrays) -> Answer:
        """Run one batch here and now."""
        return Answer(self._model(served).run(tensors), served.digest)

    async def predict(self, served: Served, tensors: Arrays, timeout: float) -> Answer:
        """Run one batch in a thread."""
        run = self._model(served).run
        loop = asyncio.get_running_loop()
        return Answer(await loop.run_in_executor(self._threads, run, tensors), served.digest)

    def _model(self, served: Served) -> _Model:
        model = self._models.get(served.digest)
        if model is None:
            raise backend_unavailable(served.name)
        return model

    async def prepare(self, served: Served) -> None:
        """Load another version, in a thread."""
        loop = asyncio.get_running_loop()
        self._models[served.digest] = await loop.run_in_executor(self._threads, _loaded, served, self._device)

    async def release(self, served: Served) -> None:
        """Drop the session."""
        self._models.pop(served.digest, None)

    async def close(self) -> None:
        """Stop the threads and drop the sessions."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._models.clear()


def _loaded(served: Served, device: str) -> _Model:
    session = _session(served, device)
    return _Model(session, [output.name for output in session.get_outputs()], _cheap_rows(session, served))


def _cheap_rows(session: Any, served: Served) -> int:
    """How many rows run within `CHEAP_SECONDS`, from the medians of one row and of many."""
    one, many = (_median_seconds(session, served, rows) for rows in (1, _MEASURED_ROWS))
    if one > CHEAP_SECONDS:
        return 0
    row = max((many - one) / (_MEASURED_ROWS - 1), 1e-9)
    return int((CHEAP_SECONDS - one) / row) + 1


def _median_seconds(session: Any, served: Served, rows: int) -> float:
    instances = served.entry.golden[0].instances
    repeated = (instances * rows)[:rows]
    tensors = served.encoder.encode(repeated)
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
    path = onnx_path(served.entry, served.precision)
    check_self_contained(path)
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=_providers(device))
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
