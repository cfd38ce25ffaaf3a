"""An ONNX file in the place of a trained module, where there is no other form to compare it with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.release import runs
from mulgam.signature import Signature


class OnnxModule(nn.Module):
    """Answers graph inputs by ONNX Runtime.

    Args:
        content: an ONNX file with the signature's names.
        signature: gives the inputs' order.
    """

    def __init__(self, content: bytes, signature: Signature) -> None:
        super().__init__()
        self._run = runs.opened("onnx", content, signature)
        self._names = [tensor.name for tensor in signature.inputs]

    def forward(self, *inputs: Tensor) -> Tensor:
        """The output, [N, …]."""
        arrays = {name: tensor.numpy() for name, tensor in zip(self._names, inputs, strict=True)}
        return torch.from_numpy(self._run(arrays))
