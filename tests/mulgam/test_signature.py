"""The signature: written and read without loss, and every inconsistency refused by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from mulgam import signature, strict
from mulgam.errors import RegistryError
from mulgam.signature import Feature, Signature, Target, Tolerance, graph_inputs, graph_outputs
from tests.mulgam.strategies import signatures

Document = dict[str, Any]


@given(signatures())
def test_what_is_written_is_what_is_read(described: Signature) -> None:
    """Every consistent signature survives its file."""
    assert signature.parse(json.loads(described.dumps())) == described


def test_it_is_read_from_a_file(tmp_path: Path) -> None:
    """Korean units and all, in UTF-8."""
    (tmp_path / "signature.json").write_text(EXAMPLE.dumps(), encoding="utf-8")
    assert signature.load(tmp_path / "signature.json") == EXAMPLE


FEATURES = (
    Feature("area", "number", "평", 1.0, 90.0),
    Feature("district", "category", vocabulary=("강남구", "마포구")),
    Feature("lift", "boolean", missing=False),
    Feature("note", "text", length=8),
)
TARGET = Target("price", "억 원", 0.0, 30.0)
TOLERANCE = {runtime: {"float32": Tolerance(1e-5, 2.0)} for runtime in ("torchscript", "onnx")}
EXAMPLE = Signature(
    "house", "regression", FEATURES, TARGET, graph_inputs(FEATURES), graph_outputs(TARGET), TOLERANCE, "Houses.", True
)


def test_graph_inputs_and_outputs_follow_from_features_and_target() -> None:
    """Numbers, ids and code points, each with its columns; a class model gives a column for each class."""
    shapes = {tensor.name: (tensor.datatype, tensor.shape) for tensor in EXAMPLE.inputs}
    assert shapes == {"numeric": ("FP32", (-1, 1)), "categories": ("INT64", (-1, 2)), "text": ("INT32", (-1, 8))}
    assert EXAMPLE.output.name == "prediction"
    (probabilities,) = graph_outputs(Target("shape", classes=("a", "b", "c")))
    assert (probabilities.name, probabilities.shape) == ("probabilities", (-1, 3))
    assert [feature.name for feature in EXAMPLE.categories] == ["district", "lift"]
    assert [feature.name for feature in EXAMPLE.numbers] == ["area"]
    assert EXAMPLE.text is FEATURES[3]


def test_the_tolerance_of_a_runtime() -> None:
    """Stated for runtime and precision, else an error that names both."""
    assert EXAMPLE.tolerance_of("onnx") == Tolerance(1e-5, 2.0)
    with pytest.raises(RegistryError, match="'house' states no tolerance for onnx, fp16"):
        EXAMPLE.tolerance_of("onnx", "fp16")
    with pytest.raises(RegistryError, match="no tolerance for tensorrt, float32"):
        EXAMPLE.tolerance_of("tensorrt")


def put(*path: Any, value: Any) -> Callable[[Document], None]:
    """A change: the value at a path of keys and positions."""

    def change(document: Document) -> None:
        inner: Any = document
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value

    return change


def drop(name: str) -> Callable[[Document], None]:
    """A change: a field less."""
    return lambda document: document.pop(name)


INCONSISTENT: dict[str, tuple[Callable[[Document], None], str]] = {
    "format": (put("format", value=2), "format 2; this Mulgam reads format 1"),
    "no format": (drop("format"), "format None"),
    "format true": (put("format", value=True), "'format' has the wrong type, bool"),
    "unknown field": (put("colour", value="red"), "unknown field 'colour'"),
    "lacking field": (drop("target"), "lacks the field 'target'"),
    "task": (put("task", value="ranking"), "task is 'ranking', not one of regression, class"),
    "task without classes": (put("task", value="classification"), "classes belong to classification"),
    "classes without task": (put("target", "classes", value=["a", "b"]), "classes belong to classification"),
    "no feature": (put("features", value=[]), "names no feature"),
    "a feature twice": (put("features", 1, "name", value="area"), "names a feature twice"),
    "a nameless feature": (put("features", 1, "name", value=""), r"features\[1\]: the name is empty"),
    "two texts": (put("features", 1, value={"name": "b", "type": "text", "missing": True, "length": 3}),
                  "more than one text"),
    "feature type": (put("features", 0, "type", value="date"), "type is 'date', not one of number, category"),
    "feature is no object": (put("features", 0, value=["area"]), r"features\[0\] must be a JSON object"),
    "missing is no boolean": (put("features", 0, "missing", value=1), "'missing' has the wrong type, int"),
    "minimum is a boolean": (put("features", 0, "minimum", value=True), "'minimum' has the wrong type, bool"),
    "range upside down": (put("features", 0, "minimum", value=91), "minimum 91 is above its maximum 90"),
    "target's range": (put("target", "minimum", value=31), "minimum 31 is above its maximum 30"),
    "text without length": (put("features", 3, "length", value=0), "a text needs a length above 0"),
    "a number with a length": (put("features", 0, "length", value=4), "a length belongs to a text, and only there"),
    "a number with words": (put("features", 0, "vocabulary", value=["a"]), "a vocabulary belongs to a category"),
    "a word twice": (put("features", 1, "vocabulary", value=["a", "a"]), "vocabulary must be distinct strings"),
    "words that are numbers": (put("features", 1, "vocabulary", value=[1]), "vocabulary must be distinct strings"),
    "a tensor among others": (put("features", 1, value={"name": "b", "type": "tensor", "missing": False,
                                                        "datatype": "FP32", "shape": [2]}), "mixes tensors with other"),
    "a tensor of no datatype": (put("features", 1, value={"name": "b", "type": "tensor", "missing": False, "shape": [2],
                                                          "datatype": "BYTES"}), "a tensor needs a shape and a"),
    "a number with a shape": (put("features", 0, "shape", value=[2]), "belong to a tensor, and only there"),
    "a quantity with a shape": (put("target", "shape", value=[2]), "the target's shape belongs to a generic model"),
    "an empty row": (put("target", "shape", value=[0]), "sizes above 0"),
    "inputs": (put("inputs", 0, "shape", value=[-1, 2]), "inputs do not follow from the features"),
    "input order": (lambda document: document["inputs"].reverse(), "inputs do not follow from the features"),
    "outputs": (put("outputs", 0, "name", value="y"), "outputs do not follow from the target"),
    "shape": (put("outputs", 0, "shape", value=[-2]), "shape must be a list of integers"),
    "shape of booleans": (put("outputs", 0, "shape", value=[True]), "shape must be a list of integers"),
    "tolerance": (put("tolerance", "onnx", value=1), "'onnx' must be a JSON object"),
    "tolerance below 0": (put("tolerance", "onnx", "float32", "relative", value=-1e-5), "must be from 0 on and finite"),
    "tolerance above all": (put("tolerance", "onnx", "float32", "floor", value=float("inf")), "from 0 on and finite"),
    "tolerance without floor": (put("tolerance", "onnx", "float32", value={"relative": 1e-5}),
                                "lacks the field 'floor'"),
}  # fmt: skip


@pytest.mark.parametrize("case", INCONSISTENT)
def test_an_inconsistency_is_refused_with_its_sentence(case: str) -> None:
    """One change to a good document, one sentence that says what is wrong."""
    change, sentence = INCONSISTENT[case]
    document = json.loads(EXAMPLE.dumps())
    change(document)
    assert json.dumps(document) != json.dumps(json.loads(EXAMPLE.dumps()))
    with pytest.raises(RegistryError, match=sentence):
        signature.parse(document)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not JSON in UTF-8"),
        (b"{", "not JSON in UTF-8"),
        (b'{"a": "\xff"}', "not JSON in UTF-8"),
        (b"[" * 100_000, "not JSON in UTF-8"),
        (b'{"minimum": NaN}', "not JSON in UTF-8"),
        (b'{"a": 1, "a": 2}', "not JSON in UTF-8"),
        (b"[]", "must hold a JSON object, not list"),
    ],
)
def test_a_document_that_is_none_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    """Cut off, another encoding, endlessly nested, NaN, a key that stands twice, no object."""
    (tmp_path / "signature.json").write_bytes(content)
    with pytest.raises(RegistryError, match=sentence):
        strict.read_document(tmp_path / "signature.json")


def test_a_missing_document_is_refused(tmp_path: Path) -> None:
    """With the system's reason."""
    with pytest.raises(RegistryError, match=r"signature\.json can't be read: No such file"):
        signature.load(tmp_path / "signature.json")
