"""Predictions inside the gateway's own process, by ONNX Runtime: no TorchServe, no second process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import onnxruntime

from mulgam.encoding import Arrays
from mulgam.errors import MulgamError
from mulgam.registry import ONNX
from service.backends.base import Answer
from service.errors import backend_unavailable
from service.served import Served

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


class OnnxRuntimeBackend:
    """Holds one session for each served model.

    Raises:
        MulgamError: a model can't be loaded, or a GPU is demanded and the session did not get it.
    """

    def __init__(self, served: Iterable[Served], device: str) -> None:
        self._sessions = {(one.name, one.version): _session(one, device) for one in served}
        # onnxruntime frees the interpreter lock while it computes, so threads use the cores.
        self._threads = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="onnxruntime")

    async def predict(self, served: Served, tensors: Arrays, timeout: float) -> Answer:
        """Run one batch in a thread, so that the event loop stays free."""
        session = self._sessions.get((served.name, served.version))
        if session is None:
            raise backend_unavailable(served.name)
        run = asyncio.get_running_loop().run_in_executor(self._threads, session.run, None, tensors)
        (output,) = await run
        return Answer(output, served.digest)

    async def close(self) -> None:
        """Stop the threads and drop the sessions."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._sessions.clear()


def _session(served: Served, device: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    path = served.entry.path / ONNX
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
    # TF32 rounds to 10 bits: answers would leave the tolerance of the golden requests.
    return [(CUDA, {"use_tf32": "0"}), CPU]
