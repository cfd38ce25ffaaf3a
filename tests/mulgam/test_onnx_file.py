"""An ONNX file that would have another file read is found out, wherever the tensor hides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    TrainingInfoProto,
)

from mulgam import onnx_file
from mulgam.errors import RegistryError
from mulgam.registry import Registry


def tensor(*, external: bool) -> TensorProto:
    """A tensor with its data inside or in another file."""
    one = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1])
    if external:
        one.data_location = TensorProto.EXTERNAL
        one.external_data.add(key="location", value="../../secret")
    else:
        one.raw_data = b"\x0d\x70\x01\x6a"  # bytes that look like field keys
    return one


def attribute(one: TensorProto) -> AttributeProto:
    """An attribute that holds a tensor."""
    return AttributeProto(name="value", type=AttributeProto.TENSOR, t=one)


def node(one: TensorProto) -> NodeProto:
    """A constant."""
    return NodeProto(op_type="Constant", attribute=[attribute(one)])


def graph(one: TensorProto) -> GraphProto:
    """A graph with one initial tensor."""
    return GraphProto(initializer=[one])


def branch(one: TensorProto) -> GraphProto:
    """A graph within an attribute of a node, as an If has them, three deep."""
    inner = graph(one)
    for _ in range(3):
        inner = GraphProto(node=[NodeProto(op_type="If", attribute=[AttributeProto(name="then_branch", g=inner)])])
    return inner


PLACES: dict[str, Callable[[TensorProto], ModelProto]] = {
    "initializer": lambda one: ModelProto(graph=graph(one)),
    "sparse values": lambda one: ModelProto(graph=GraphProto(sparse_initializer=[SparseTensorProto(values=one)])),
    "sparse indices": lambda one: ModelProto(graph=GraphProto(sparse_initializer=[SparseTensorProto(indices=one)])),
    "constant": lambda one: ModelProto(graph=GraphProto(node=[node(one)])),
    "list of tensors": lambda one: ModelProto(
        graph=GraphProto(node=[NodeProto(attribute=[AttributeProto(tensors=[one])])])),
    "sparse constant": lambda one: ModelProto(
        graph=GraphProto(node=[NodeProto(attribute=[AttributeProto(sparse_tensor=SparseTensorProto(values=one))])])),
    "branch": lambda one: ModelProto(graph=branch(one)),
    "list of graphs": lambda one: ModelProto(
        graph=GraphProto(node=[NodeProto(attribute=[AttributeProto(graphs=[graph(one)])])])),
    "function": lambda one: ModelProto(functions=[FunctionProto(node=[node(one)])]),
    "function's default": lambda one: ModelProto(functions=[FunctionProto(attribute_proto=[attribute(one)])]),
    "training": lambda one: ModelProto(training_info=[TrainingInfoProto(algorithm=graph(one))]),
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_external_data_is_found_in_every_place(tmp_path: Path, place: str) -> None:
    """The same file passes with its data inside."""
    path = tmp_path / "model.onnx"
    path.write_bytes(PLACES[place](tensor(external=False)).SerializeToString())
    onnx_file.check_self_contained(path)
    path.write_bytes(PLACES[place](tensor(external=True)).SerializeToString())
    with pytest.raises(RegistryError, match="keeps tensors in another file"):
        onnx_file.check_self_contained(path)


@pytest.mark.parametrize("model", ["notes", "shapes"])
def test_exported_models_are_self_contained(registry: Registry, model: str) -> None:
    """As the exporter of torch writes them."""
    onnx_file.check_self_contained(registry.entry(model, 1).path / "model.onnx")


@pytest.mark.parametrize(
    "content", [b"\xff" * 20, b"\x3a\x7f", b"\x3a", b"\x0b", b"hello", b"\x3a\x05\x0a\x7fabc"], ids=repr
)
def test_a_file_that_is_not_protobuf_is_refused(tmp_path: Path, content: bytes) -> None:
    """Cut off, over-long, of an unknown wire type."""
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(RegistryError, match="is not an ONNX file"):
        onnx_file.check_self_contained(path)


def test_endless_nesting_is_refused(tmp_path: Path) -> None:
    """A graph within a graph within a graph … is no reason to crash."""
    inner = b""
    for _ in range(3000):
        for key in (b"\x32", b"\x2a", b"\x0a"):  # attribute.g, node.attribute, graph.node
            inner = key + _varint(len(inner)) + inner
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x3a" + _varint(len(inner)) + inner)
    with pytest.raises(RegistryError, match="is not an ONNX file"):
        onnx_file.check_self_contained(path)


def _varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=40))
def test_random_bytes_get_nothing_but_registry_errors(tmp_path: Path, content: bytes) -> None:
    """Whatever they happen to mean."""
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    try:
        onnx_file.check_self_contained(path)
    except RegistryError as problem:
        assert "model.onnx" in str(problem)  # noqa: PT017 - either outcome is right


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """With the system's reason."""
    with pytest.raises(RegistryError, match="can't be read: No such file"):
        onnx_file.check_self_contained(tmp_path / "model.onnx")
