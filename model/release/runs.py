"""An exported model in memory, ready to answer encoded rows."""

from __future__ import annotations

import io

import numpy as np
import onnxruntime
import torch

from model.data.batches import Answers, Run
from mulgam.signature import PRECISION, Signature
from mulgam.tensors import Arrays


def opened(name: str, model: bytes, signature: Signature) -> Run:
    """A model file as a function of graph inputs; `name` is that of its form, as `split` takes it."""
    runtime, _ = split(name)
    return _torchscript(model, signature) if runtime == "torchscript" else _onnx(model, signature)


def split(name: str) -> tuple[str, str]:
    """Runtime and precision of a form: "onnx int8" → ("onnx", "int8"), "onnx" → ("onnx", "float32")."""
    runtime, _, precision = name.partition(" ")
    return runtime, precision or PRECISION


def _torchscript(model: bytes, signature: Signature) -> Run:
    """A TorchScript file as a function of graph inputs."""
    program = torch.jit.load(io.BytesIO(model))  # type: ignore[no-untyped-call]

    def run(inputs: Arrays) -> Answers:
        with torch.no_grad():
            output = program(*(torch.from_numpy(inputs[tensor.name]) for tensor in signature.inputs))
        return np.asarray(output.numpy())

    return run


def _onnx(model: bytes, signature: Signature) -> Run:
    """An ONNX file as a function of graph inputs, on one thread as the service runs it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it would keep the largest batch's memory
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(inputs: Arrays) -> Answers:
        return np.asarray(session.run([signature.output.name], inputs)[0])

    return run
