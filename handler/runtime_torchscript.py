"""Runs `model.pt` by TorchScript."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from handler import threads
from handler.loading import LoadError
from mulgam.signature import Signature
from mulgam.tensors import Arrays


class TorchScriptRuntime:
    """A loaded TorchScript module.

    Args:
        path: the `model.pt`; loading it runs code, so its checksum must have been verified.
        signature: the order of the module's arguments is that of its inputs.
        gpu: TorchServe's GPU number, None for the CPU.

    Raises:
        LoadError: torch can't load the file.
    """

    name = "torchscript"

    def __init__(self, path: Path, signature: Signature, gpu: int | None) -> None:
        torch.set_num_threads(threads.intra_op())
        # TF32 rounds to 10 bits: answers would leave the tolerance of the golden requests.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        self.device = f"cuda:{gpu}" if gpu is not None and torch.cuda.is_available() else "cpu"
        self._inputs = [tensor.name for tensor in signature.inputs]
        try:
            module = torch.jit.load(str(path), map_location=self.device).eval()  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError) as problem:
            raise LoadError(f"TorchScript can't load {path.name}: {_first_line(problem)}") from problem
        # The method itself: calling the module looks for hooks first, of which TorchScript has none.
        self._forward = module.forward

    def run(self, inputs: Arrays) -> npt.NDArray[np.float32]:
        """The module's output for these inputs, on the CPU."""
        tensors = [torch.from_numpy(inputs[name]) for name in self._inputs]
        with torch.inference_mode():
            if self.device == "cpu":
                output = self._forward(*tensors)
            else:
                output = self._forward(*(tensor.to(self.device) for tensor in tensors)).cpu()
        answer: npt.NDArray[np.float32] = output.numpy()
        return answer


def _first_line(problem: Exception) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0]
