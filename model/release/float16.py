"""A model's float16 form: its layers and tables in half precision, inputs, outputs and preprocessing as they were."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Layers that have weights, and what may stand between two of them. All else stays in 32 bits: quantities of people's
# tables leave the range of 16 bits (65,504), and hashes and thresholds would no longer be the same.
LAYERS = ("MatMul", "Gemm", "Conv", "GRU", "LSTM")
BETWEEN = ("Relu", "Gelu", "Tanh", "Sigmoid")
SMALLEST_TABLE = 1024


def convert(model: bytes) -> bytes:
    """The float16 form of an ONNX file, by ONNX Runtime's converter; the graph's inputs and outputs stay float32."""
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    proto = onnx.load_from_string(model)
    weights = {item.name for item in proto.graph.initializer}
    kept = sorted({node.op_type for node in proto.graph.node} - {*LAYERS, *BETWEEN})
    without = [node.name for node in proto.graph.node if node.op_type in LAYERS and not weights & set(node.input)]
    half: onnx.ModelProto = convert_float_to_float16(
        proto, keep_io_types=True, op_block_list=kept, node_block_list=without
    )
    _drop_repeated(half.graph)
    _take_back(half.graph)
    _store_tables(half.graph)
    OnnxModel(half).topological_sort()
    del half.graph.value_info[:]
    onnx.checker.check_model(half)
    content: bytes = half.SerializeToString(deterministic=True)
    return content


def _drop_repeated(graph: onnx.GraphProto) -> None:
    """The converter writes a cast once for each reader of a value, all under one name."""
    written: set[str] = set()
    for node in list(graph.node):
        if node.op_type == "Cast" and node.output[0] in written:
            graph.node.remove(node)
        written.update(node.output)


def _take_back(graph: onnx.GraphProto) -> None:
    """Read a value itself where it was cast to 16 bits and at once to 32 again: that would only round it."""
    casts = {node.output[0]: node for node in graph.node if node.op_type == "Cast"}
    originals = {
        name: casts[node.input[0]].input[0]
        for name, node in casts.items()
        if _to(node) == TensorProto.FLOAT
        and node.input[0] in casts
        and _to(casts[node.input[0]]) == TensorProto.FLOAT16
    }
    # What a graph gives keeps its name, so there the value itself takes it.
    renamed = {originals[output.name]: output.name for output in graph.output if output.name in originals}
    for node in list(graph.node):
        if node.op_type == "Cast" and node.output[0] in renamed.values():
            graph.node.remove(node)
    for node in graph.node:
        for place, name in enumerate(node.input):
            original = originals.get(name, name)
            node.input[place] = renamed.get(original, original)
        for place, name in enumerate(node.output):
            node.output[place] = renamed.get(name, name)
    read = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    for node in list(graph.node):
        if node.op_type == "Cast" and not read & set(node.output):
            graph.node.remove(node)


def _store_tables(graph: onnx.GraphProto) -> None:
    """Keep embeddings in 16 bits and look them up in 32: a lookup in 16 bits has the whole table cast at every run."""
    tables = {node.input[0] for node in graph.node if node.op_type == "Gather"}
    for item in graph.initializer:
        if item.name in tables and item.data_type == TensorProto.FLOAT and np.prod(item.dims) >= SMALLEST_TABLE:
            name, stored = item.name, f"{item.name}.float16"
            item.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(item).astype(np.float16), stored))
            graph.node.append(helper.make_node("Cast", [stored], [name], f"{name}.cast", to=TensorProto.FLOAT))


def _to(cast: onnx.NodeProto) -> int:
    return next(int(attribute.i) for attribute in cast.attribute if attribute.name == "to")
