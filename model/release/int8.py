"""A model's int8 form: weights in 8 bits, and what meets them too, at a scale that each run finds by itself.

That scale is of all rows of a run, so an answer depends a little on the rows beside it: within the tolerance, which the
gate holds on several batch sizes, but never to the last digit.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx

from model.release.export import quiet

QUANTISED = ("MatMul", "Gather")  # a Gemm becomes a MatMul on the way


def convert(model: bytes) -> bytes:
    """The int8 form of an ONNX file, by ONNX Runtime's dynamic quantisation; inputs and outputs stay as they are."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder, quiet():
        path = Path(folder) / "model.onnx"
        quantize_dynamic(
            onnx.load_from_string(model), path, weight_type=QuantType.QInt8, op_types_to_quantize=list(QUANTISED)
        )
        return path.read_bytes()
