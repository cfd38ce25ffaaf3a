"""Runs `model.onnx` by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from handler import threads
from handler.loading import LoadError
from mulgam import onnx_file
from mulgam.signature import Signature
from mulgam.tensors import Arrays

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


class OnnxRuntime:
    """An ONNX Runtime session.

    Args:
        path: the `model.onnx`; its checksum must have been verified.
        signature: the graph must have its inputs and its output.
        gpu: TorchServe's GPU number, None for the CPU.

    Raises:
        LoadError: ONNX Runtime refuses the file, or it is not the graph that the signature describes.
        RegistryError: the file points at tensors outside itself.
    """

    name = "onnx"

    def __init__(self, path: Path, signature: Signature, gpu: int | None) -> None:
        onnx_file.check_self_contained(path)
        try:
            self._session = onnxruntime.InferenceSession(str(path), _options(), providers=_providers(gpu))
        except Exception as problem:  # onnxruntime raises classes of its own, one for each status
            raise LoadError(f"ONNX Runtime can't load {path.name}: {problem}") from problem
        # The list of available providers names CUDA where there is no GPU; only the session tells what it got.
        self.device = f"cuda:{gpu}" if self._session.get_providers()[0] == CUDA else "cpu"
        inputs = {node.name for node in self._session.get_inputs()}
        outputs = [node.name for node in self._session.get_outputs()]
        if inputs != {tensor.name for tensor in signature.inputs} or outputs != [signature.output.name]:
            raise LoadError(f"The graph in {path.name} has other inputs or outputs than its signature.")

    def run(self, inputs: Arrays) -> npt.NDArray[np.float32]:
        """The graph's output for these inputs, on the CPU."""
        output: npt.NDArray[np.float32] = self._session.run(None, inputs)[0]
        return output


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads.intra_op()
    options.inter_op_num_threads = 1
    # The CPU arena keeps for ever what the largest request took (50 MB after 20,000 rows of an 8-256-256-1 MLP,
    # 3 MB without it, at the same speed); without an arena, patterns leak for each batch size (4 GB after 3,000).
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    return options


def _providers(gpu: int | None) -> list[Any]:
    if gpu is None or CUDA not in onnxruntime.get_available_providers():
        return [CPU]
    # TF32 rounds to 10 bits: answers would leave the tolerance of the golden requests. The GPU's arena grows
    # by what is asked for, not by powers of two, so that several workers share its memory.
    cuda = {"device_id": str(gpu), "use_tf32": "0", "arena_extend_strategy": "kSameAsRequested"}
    return [(CUDA, cuda), CPU]
