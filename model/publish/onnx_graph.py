"""An ONNX file of somebody else: checked without running it, then given the names that its signature promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx.compose
import onnxruntime
from onnx import TensorProto, helper

from model.errors import PublishError
from model.publish.head import Head
from mulgam import onnx_file
from mulgam.errors import RegistryError
from mulgam.signature import Feature, Signature
from mulgam.tensors import DTYPES, NAMES, Arrays

BATCH = "batch"
_PREFIX = "own/"
_ANSWER = "mulgam/answer"
_FLOATS = ("float16", "float", "double")


@dataclass(frozen=True)
class GraphInput:
    """An input of the graph: in `shape`, of one row, None is a size that is free."""

    name: str
    datatype: str
    shape: tuple[int | None, ...]


class OnnxGraph:
    """A verified file.

    Args:
        path: the file.

    Raises:
        PublishError: it is no ONNX file that runs by itself, or its batch is no free dimension.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            onnx_file.check_self_contained(path)
            self._proto = onnx.load(str(path), load_external_data=False)
            onnx.checker.check_model(self._proto)
        except RegistryError as problem:
            raise PublishError(str(problem)) from problem
        except Exception as problem:  # of protobuf and of the checker, which have classes of their own
            raise PublishError(f"{path} is not a valid ONNX file: {_first_line(problem)}.") from problem
        self._session = _session(self._proto, path)
        known = {one.name for one in self._proto.graph.initializer}
        self.inputs = [_input(one, path) for one in self._proto.graph.input if one.name not in known]
        if not self.inputs:
            raise PublishError(f"{path} has no input.")

    def features(self) -> tuple[Feature, ...]:
        """The graph's inputs as they are; raises PublishError where a size is free besides the batch."""
        for one in self.inputs:
            if None in one.shape:
                raise PublishError(
                    f"A size of the input {one.name!r} of {self.path} is free besides the batch; fix it by --signature."
                )
        return tuple(
            Feature(one.name, "tensor", missing=False, datatype=one.datatype, shape=tuple(map(int, one.shape)))  # type: ignore[arg-type]
            for one in self.inputs
        )

    def output(self, wanted: str | None) -> str:
        """The output that is the answer: the wanted one, the only one, or the only one of floating-point numbers.

        Raises:
            PublishError: it is not there, or there are several.
        """
        types: dict[str, str] = {one.name: one.type for one in self._session.get_outputs()}
        floats = [name for name, kind in types.items() if kind.startswith("tensor(") and kind[7:-1] in _FLOATS]
        if wanted is not None:
            if wanted not in types:
                raise PublishError(f"{self.path} has no output {wanted!r}; it has {', '.join(types)}.")
            if wanted not in floats:
                raise PublishError(f"The output {wanted!r} of {self.path} is {types[wanted]}, not a tensor of floats.")
            return wanted
        if not floats:
            found = ", ".join(f"{name}: {kind}" for name, kind in types.items())
            raise PublishError(
                f"{self.path} has no output that is a tensor of floating-point numbers ({found}); export scikit-learn's"
                " classifiers without ZipMap."
            )
        if len(floats) > 1:
            raise PublishError(
                f"{self.path} has {len(floats)} outputs of floating-point numbers ({', '.join(floats)}); one is served:"
                ' name it by output = "…" in the signature file.'
            )
        return floats[0]

    def run(self, tensors: Arrays, signature: Signature, output: str | None) -> npt.NDArray[Any]:
        """The graph's own output for encoded tensors of the signature.

        Raises:
            PublishError: the graph does not run on them.
        """
        names = self._names(signature)
        feed = {names[name]: array for name, array in tensors.items()}
        feed = {one.name: feed[one.name].astype(DTYPES[one.datatype], copy=False) for one in self.inputs}
        try:
            return np.asarray(self._session.run([output], feed)[0])
        except Exception as problem:  # onnxruntime raises classes of its own, one for each status
            rows = len(next(iter(tensors.values())))
            raise PublishError(f"{self.path} does not run on {rows} rows: {_first_line(problem)}.") from problem

    def adapted(self, signature: Signature, output: str, head: Head) -> bytes:
        """The file as it is served: inputs and the one output as the signature has them, nothing of its origin.

        Raises:
            PublishError: ONNX Runtime refuses what came out.
        """
        proto = onnx.ModelProto()
        proto.CopyFrom(self._proto)
        names, datatypes = self._names(signature), {one.name: one.datatype for one in self.inputs}
        kept = {tensor.name for tensor in signature.inputs
                if names[tensor.name] == tensor.name and datatypes[tensor.name] == tensor.datatype}  # fmt: skip
        given = {output} if self._is_answer(output, signature, head) else set()
        promised = {tensor.name for tensor in (*signature.inputs, *signature.outputs)}
        if _all_names(proto.graph) & (promised - kept - given):
            proto, kept, given = onnx.compose.add_prefix(proto, _PREFIX), set(), set()
            names, output = {name: _PREFIX + own for name, own in names.items()}, _PREFIX + output
            datatypes = {_PREFIX + name: datatype for name, datatype in datatypes.items()}
        before = [
            helper.make_node("Cast", [name], [own], to=_element_type(datatypes[own]))
            for name, own in names.items() if name not in kept
        ]  # fmt: skip
        after = [] if given else _head_nodes(proto.graph, output, signature.output.name, head)
        own_nodes = list(proto.graph.node)
        del proto.graph.node[:], proto.graph.input[:], proto.graph.output[:], proto.graph.value_info[:]
        proto.graph.node.extend([*before, *own_nodes, *after])
        proto.graph.input.extend(_described(tensor) for tensor in signature.inputs)
        proto.graph.output.extend(_described(tensor) for tensor in signature.outputs)
        _strip(proto)
        _session(proto, self.path)
        content: bytes = proto.SerializeToString(deterministic=True)
        return content

    def _is_answer(self, output: str, signature: Signature, head: Head) -> bool:
        """Whether the graph's own output is what the signature promises, name and datatype included."""
        types = {one.name: one.type for one in self._session.get_outputs()}
        return output == signature.output.name and head == Head() and types[output] == "tensor(float)"

    def _names(self, signature: Signature) -> dict[str, str]:
        """Input of the signature -> the graph's own.

        Raises:
            PublishError: they do not belong together.
        """
        own = {one.name: one for one in self.inputs}
        promised = {tensor.name: tensor for tensor in signature.inputs}
        if len(own) == len(promised) == 1:
            names = dict(zip(promised, own, strict=True))
        elif set(own) == set(promised):
            names = {name: name for name in promised}
        else:
            raise PublishError(
                f"The features make the inputs {', '.join(promised)}, but {self.path} has {', '.join(own)}."
            )
        for name, own_name in names.items():
            found, expected = own[own_name].shape, promised[name].shape[1:]
            if len(found) != len(expected) or any(a not in (None, b) for a, b in zip(found, expected, strict=True)):
                shown = ["rows", *("free" if size is None else str(size) for size in found)]
                raise PublishError(
                    f"The input {own_name!r} of {self.path} is [{', '.join(shown)}];"
                    f" the features make [{', '.join(['rows', *map(str, expected)])}]."
                )
        return names


def _session(proto: onnx.ModelProto, path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # onnxruntime raises classes of its own, one for each status
        raise PublishError(f"ONNX Runtime can't load {path}: {_first_line(problem)}.") from problem


def _input(value: onnx.ValueInfoProto, path: Path) -> GraphInput:
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or kind.elem_type == TensorProto.STRING:
        raise PublishError(f"The input {value.name!r} of {path} holds words or no tensor; encode it outside the graph.")
    datatype = NAMES.get(np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type)))
    if datatype is None or not kind.HasField("shape") or not kind.shape.dim:
        raise PublishError(f"The input {value.name!r} of {path} has no batch dimension, or a datatype unknown here.")
    batch, *rest = kind.shape.dim
    if batch.HasField("dim_value"):
        raise PublishError(
            f"The batch of the input {value.name!r} of {path} is frozen to {batch.dim_value}; export it with a free"
            " first dimension (dynamic_shapes or dynamic_axes)."
        )
    return GraphInput(value.name, datatype, tuple(one.dim_value if one.HasField("dim_value") else None for one in rest))


def _head_nodes(graph: onnx.GraphProto, output: str, answer: str, head: Head) -> list[onnx.NodeProto]:
    """Cast, then the steps of the head; the last one writes the answer."""
    steps: list[tuple[str, Mapping[str, Any], list[str]]] = [("Cast", {"to": TensorProto.FLOAT}, [])]
    if head.flat:
        column = helper.make_tensor(f"{_ANSWER}/shape", TensorProto.INT64, [2 if head.both else 1],
                                    [-1, 1] if head.both else [-1])  # fmt: skip
        graph.initializer.append(column)
        steps.append(("Reshape", {}, [column.name]))
    if head.softmax:
        steps.append(("Softmax", {"axis": 1}, []))
    if head.sigmoid:
        steps.append(("Sigmoid", {}, []))
    nodes, value = [], output
    for number, (kind, attributes, further) in enumerate(steps):
        last = number == len(steps) - 1 and not head.both
        result = answer if last else f"{_ANSWER}/{number}"
        nodes.append(helper.make_node(kind, [value, *further], [result], **attributes))
        value = result
    if head.both:
        graph.initializer.append(helper.make_tensor(f"{_ANSWER}/one", TensorProto.FLOAT, [1], [1.0]))
        nodes.append(helper.make_node("Sub", [f"{_ANSWER}/one", value], [f"{_ANSWER}/first"]))
        nodes.append(helper.make_node("Concat", [f"{_ANSWER}/first", value], [answer], axis=1))
    return nodes


def _described(tensor: Any) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(tensor.name, _element_type(tensor.datatype), [BATCH, *tensor.shape[1:]])


def _element_type(datatype: str) -> int:
    return int(helper.np_dtype_to_tensor_dtype(DTYPES[datatype]))


def _all_names(graph: onnx.GraphProto) -> set[str]:
    """Every name of a value in a graph and in the graphs inside it."""
    names = {one.name for one in (*graph.input, *graph.output, *graph.initializer)}
    for node in graph.node:
        names |= {*node.input, *node.output}
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                names |= _all_names(inner)
    return names


def _strip(proto: onnx.ModelProto) -> None:
    """Notes may name folders and people of the machine that wrote the file."""
    del proto.metadata_props[:], proto.graph.metadata_props[:]
    proto.doc_string = proto.graph.doc_string = ""
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""


def _first_line(problem: Exception) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0].rstrip(".")
