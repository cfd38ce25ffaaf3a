"""Smaller forms of the ONNX model: what they keep, what they may lose, and what stops them."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from model.errors import ExportError, ParityError
from model.recipe import sections
from model.release import export, float16, int8, parity, variants
from model.release.forms import Form
from mulgam import onnx_file, registry
from mulgam.registry import Entry, Registry
from tests.builders import TinyClassifier, linear_signature, publish_tiny_classifier

PRECISIONS = ("int8", "float16")
ROWS = np.random.default_rng(0).normal(size=(256, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    """A classifier published with both."""
    return publish_tiny_classifier(tmp_path_factory.mktemp("registry"), precisions=PRECISIONS)


def session(model: bytes | Path) -> onnxruntime.InferenceSession:
    """The file on one thread."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def test_every_place_knows_the_same_precisions() -> None:
    """Recipe, converters, bounds, tolerances and registry name the same variants."""
    places = (variants.MAKERS, variants.MOST_LOST, parity.LOWER, registry.VARIANTS)
    assert all(set(place) == set(sections.VARIANTS) for place in places)


def test_a_version_holds_its_variants(entry: Entry) -> None:
    """Their files lie beside the others, are covered by the checksums, and consist of themselves alone."""
    sums = (entry.path / "SHA256SUMS").read_text()
    for precision in PRECISIONS:
        path = entry.path / f"model.{precision}.onnx"
        assert f"  {path.name}\n" in sums
        onnx_file.check_self_contained(path)
        tolerance = entry.signature.tolerance_of("onnx", precision)
        assert (tolerance.relative, tolerance.floor) == (parity.LOWER[precision], 1.0)
    metrics = json.loads((entry.path / "metrics.json").read_text())
    assert list(metrics["forms"]) == ["torchscript", "onnx", "onnx int8", "onnx float16"]
    assert metrics["forms"]["onnx int8"]["bytes"] == (entry.path / "model.int8.onnx").stat().st_size
    assert {one["runtime"] for one in metrics["parity"]} == set(metrics["forms"])


def test_a_version_whose_variant_is_gone_is_refused(tmp_path: Path) -> None:
    """A file that was published belongs to the version for good."""
    published = publish_tiny_classifier(tmp_path, precisions=("int8",))
    (published.path / "model.int8.onnx").unlink()
    with pytest.raises(registry.RegistryError, match=r"model\.int8\.onnx is missing"):
        Registry(tmp_path).entry("shapes", 1)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_variant_answers_like_the_model_at_any_batch_size(entry: Entry, precision: str) -> None:
    """float32 in, float32 out, the batch free, the answers within the variant's tolerance, and not the very same."""
    small, full = session(entry.path / f"model.{precision}.onnx"), session(entry.path / "model.onnx")
    assert {one.type for one in (*small.get_inputs(), *small.get_outputs())} == {"tensor(float)"}
    expected = full.run(None, {"numeric": ROWS})[0]
    for size in (1, 7, 256):
        apart = np.abs(small.run(None, {"numeric": ROWS[:size]})[0] - expected[:size])
        assert 0 < apart.max() <= parity.LOWER[precision]


class Large(nn.Module):
    """Standardises a number of millions, then layers and a table that is looked up; answers in millions again."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(3, 64), nn.ReLU(), nn.Linear(64, 1))
        self.table = nn.Embedding(4096, 1)

    def forward(self, numeric: Tensor) -> Tensor:
        scaled = (torch.nan_to_num(numeric) - 5e6) / 1e6
        looked_up: Tensor = self.table(torch.remainder(numeric[:, 0].nan_to_num().long(), 4096))
        output: Tensor = self.layers(scaled) + looked_up
        return output.squeeze(1) + 1e6


@pytest.fixture(scope="module")
def large() -> bytes:
    """Its ONNX file."""
    signature = linear_signature()
    return export.to_onnx(Large().eval(), signature, (torch.randn(3, 3),))


@pytest.mark.parametrize("make", [int8.convert, float16.convert])
def test_a_variant_is_smaller_and_keeps_numbers_of_any_size(large: bytes, make: object) -> None:
    """Preprocessing and hashing stay in 32 bits: a number beyond float16's range neither overflows nor is rounded."""
    converted = make(large)  # type: ignore[operator]
    assert len(converted) < 0.65 * len(large)
    rows = np.random.default_rng(0).uniform(4e6, 6e6, size=(50, 3)).astype(np.float32)
    expected, got = (session(model).run(None, {"numeric": rows})[0] for model in (large, converted))
    np.testing.assert_allclose(got - 1e6, expected - 1e6, atol=0.1)
    assert converted == make(large)  # type: ignore[operator]


def test_in_float16_the_layers_are_halved(large: bytes) -> None:
    """Every weight of the layers and the table is stored in 16 bits, and nothing is cast there and back at once."""
    proto = onnx.load_from_string(float16.convert(large))
    wide = {item.name for item in proto.graph.initializer if item.data_type == onnx.TensorProto.FLOAT}
    assert all(np.prod(item.dims) < 64 for item in proto.graph.initializer if item.name in wide)
    casts = {node.output[0]: node for node in proto.graph.node if node.op_type == "Cast"}
    twice = [node for node in casts.values() if node.input[0] in casts and float16._to(node) == onnx.TensorProto.FLOAT
             and float16._to(casts[node.input[0]]) == onnx.TensorProto.FLOAT16]  # fmt: skip
    assert twice == []


def test_a_variant_that_differs_too_much_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names form, rows and figures, and how the model is published without it; the registry stays empty."""

    def other(_: bytes) -> bytes:
        signature = publish_tiny_classifier(tmp_path / "other").signature
        return export.to_onnx(TinyClassifier(seed=8).eval(), signature, (torch.randn(3, 3),))

    monkeypatch.setattr(variants, "MAKERS", {"int8": other})
    expected = r"The onnx int8 model differs from the trained one on .*nothing was published\. Leave 'int8' out of "
    with pytest.raises(ParityError, match=expected):
        publish_tiny_classifier(tmp_path / "registry", precisions=("int8",))
    assert Registry(tmp_path / "registry").models() == []


def test_a_graph_that_cannot_be_converted_is_told_of() -> None:
    """What the converter says comes with the way to publish without the variant."""
    with pytest.raises(ExportError, match=r"The model has no int8 form: .*; nothing was published\. Leave 'int8' out"):
        variants.make("int8", b"no graph")


def form(name: str, score: float) -> Form:
    """A form with a score."""
    return Form("onnx", 1, 1.0, 1.0, (name, score))


@pytest.mark.parametrize(
    ("name", "full", "small", "rows", "refused"),
    [
        ("accuracy", 0.95, 0.935, 1000, False),
        ("accuracy", 0.95, 0.925, 1000, True),
        ("accuracy", 1.0, 35 / 36, 36, False),
        ("accuracy", 1.0, 34 / 36, 36, True),
        ("accuracy", 0.9, 0.99, 1000, False),
        ("rmse", 100.0, 101.9, 1000, False),
        ("rmse", 100.0, 102.1, 1000, True),
        ("rmse", 100.0, 50.0, 1000, False),
    ],
)
def test_a_variant_may_lose_a_little_of_the_score(
    name: str, full: float, small: float, rows: int, refused: bool
) -> None:
    """Two hundredths of an accuracy, or one row of few; two hundredths of an error in proportion; no bound on gains."""
    if not refused:
        variants.check_score("int8", form(name, small), form(name, full), rows)
        return
    with pytest.raises(ParityError, match="it loses more than the") as caught:
        variants.check_score("int8", form(name, small), form(name, full), rows)
    assert re.search(r"reaches .* on held-out rows, the float32 one", str(caught.value))
