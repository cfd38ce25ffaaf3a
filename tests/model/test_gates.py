"""The gates before publishing: free batch size, same answers, finite answers; else nothing is published."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from model.errors import ExportError, ParityError
from model.release import export, golden_requests, parity
from model.release.release import release
from mulgam.encoding.encoder import Encoder
from mulgam.registry import Registry
from mulgam.signature import Feature, graph_inputs
from tests.builders import DOCUMENTS, NOTES_ROWS, Linear, linear_signature, publish_linear

SIGNATURE = linear_signature()
HELD_OUT = {"numeric": np.array(NOTES_ROWS, dtype=np.float32)}
MODULE = Linear([0.1, 0.3, 4.0], 0.0).eval()


@pytest.fixture(scope="module")
def exported() -> dict[str, bytes]:
    """The notes' model in both forms."""
    example = export.example_inputs(HELD_OUT, SIGNATURE)
    return {
        "torchscript": export.torchscript(MODULE, example),
        "onnx": export.to_onnx(MODULE, SIGNATURE, example),
    }


def test_equal_models_pass(exported: dict[str, bytes]) -> None:
    """Both forms are compared on every batch size, on missing values and on every golden request."""
    golden = golden_requests.make(MODULE, SIGNATURE)
    comparisons = parity.verify(MODULE, SIGNATURE, exported, HELD_OUT, golden)
    assert {one.runtime for one in comparisons} == set(parity.RUNTIMES)
    assert {one.count for one in comparisons} >= set(parity.BATCH_SIZES)
    assert {"missing values", "golden request 4"} <= {one.rows for one in comparisons}
    assert all(one.largest <= one.allowed for one in comparisons)


def nudged_onnx(model: bytes, by: float) -> bytes:
    """The ONNX model with one weight changed."""
    proto = onnx.load_from_string(model)
    weights = next(item for item in proto.graph.initializer if item.name == "weights")
    values = onnx.numpy_helper.to_array(weights).copy()
    values[0] += by
    weights.CopyFrom(onnx.numpy_helper.from_array(values, "weights"))
    return bytes(proto.SerializeToString())


def nudged_torchscript(model: bytes, by: float) -> bytes:
    """The TorchScript model of another weight."""
    other = Linear([0.1 + by, 0.3, 4.0], 0.0).eval()
    return export.torchscript(other, export.example_inputs(HELD_OUT, SIGNATURE))


@pytest.mark.parametrize(("runtime", "nudged"), [("onnx", nudged_onnx), ("torchscript", nudged_torchscript)])
def test_a_small_difference_is_found(
    exported: dict[str, bytes], runtime: str, nudged: Callable[[bytes, float], bytes]
) -> None:
    """A weight that is off by a ten-thousandth fails the gate; one within the tolerance passes."""
    golden = golden_requests.make(MODULE, SIGNATURE)
    parity.verify(MODULE, SIGNATURE, {**exported, runtime: nudged(exported[runtime], 1e-7)}, HELD_OUT, golden)
    with pytest.raises(ParityError, match=f"{runtime} model differs from the trained one on .* nothing was published"):
        parity.verify(MODULE, SIGNATURE, {**exported, runtime: nudged(exported[runtime], 1e-4)}, HELD_OUT, golden)


class ForgetsMissing(nn.Module):
    """Fills missing values when run from Python, not when exported: a difference that only NaN rows show."""

    def forward(self, numeric: Tensor) -> Tensor:
        if not torch.jit.is_scripting() and not torch.compiler.is_exporting():
            numeric = torch.nan_to_num(numeric)
        return numeric.sum(dim=1)


def test_a_difference_on_missing_values_alone_is_found(tmp_path: Path) -> None:
    """A model that differs only on missing values is not published."""
    with pytest.raises(ParityError, match="missing values"):
        release(ForgetsMissing(), SIGNATURE, HELD_OUT, Registry(tmp_path), DOCUMENTS)
    assert Registry(tmp_path).models() == []


class GivesNaN(nn.Module):
    """Answers NaN where a value is missing."""

    def forward(self, numeric: Tensor) -> Tensor:
        return numeric.sum(dim=1)


def test_an_answer_that_is_no_number_is_refused_where_the_signature_allows_the_input(tmp_path: Path) -> None:
    """NaN out for a missing value fails where missing values are allowed, and only there."""
    with pytest.raises(ParityError, match=r"missing values is not a finite number; nothing was published"):
        release(GivesNaN(), SIGNATURE, HELD_OUT, Registry(tmp_path), DOCUMENTS)
    assert release(GivesNaN(), linear_signature(missing=False), HELD_OUT, Registry(tmp_path), DOCUMENTS).version == 1


class FreezesTheBatch(nn.Module):
    """Bakes the example's batch size into the graph, as some published models do."""

    def forward(self, numeric: Tensor) -> Tensor:
        return numeric.sum(dim=1) + torch.zeros(int(numeric.shape[0]))[: numeric.size(0)].view(3)


def test_a_frozen_batch_is_refused(tmp_path: Path) -> None:
    """A module that works for one batch size only is not published."""
    with pytest.raises((ExportError, ParityError)):
        release(FreezesTheBatch(), SIGNATURE, HELD_OUT, Registry(tmp_path), DOCUMENTS)
    assert Registry(tmp_path).models() == []


def test_a_frozen_batch_in_the_file_is_seen(exported: dict[str, bytes]) -> None:
    """An ONNX file whose batch is a number instead of a symbol is refused, whoever wrote it."""
    proto = onnx.load_from_string(exported["onnx"])
    export._check_shapes(proto, SIGNATURE)
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3
    with pytest.raises(ExportError, match="froze the batch of 'numeric' to 3"):
        export._check_shapes(proto, SIGNATURE)


def test_a_module_of_another_width_is_refused(tmp_path: Path) -> None:
    """A module that does not fit its signature is not published."""
    features = (*SIGNATURE.features, Feature("floor", "number"))
    wide = replace(SIGNATURE, features=features, inputs=graph_inputs(features))
    with pytest.raises(ExportError):
        release(MODULE, wide, {"numeric": np.zeros((3, 4), dtype=np.float32)}, Registry(tmp_path), DOCUMENTS)
    assert Registry(tmp_path).models() == []


class CannotBeScripted(nn.Module):
    """Uses what the TorchScript compiler does not know."""

    def forward(self, numeric: Tensor) -> Tensor:
        assert numeric.ndim == 2, f"{numeric.ndim!r} dimensions"
        return numeric.nan_to_num().sum(dim=1)


def test_a_module_that_cannot_be_scripted_is_traced(tmp_path: Path) -> None:
    """Code that can't be compiled is exported by tracing."""
    with pytest.raises(Exception, match="JoinedStr"):
        torch.jit.script(CannotBeScripted())
    assert release(CannotBeScripted(), SIGNATURE, HELD_OUT, Registry(tmp_path), DOCUMENTS).version == 1


def test_golden_requests_come_from_the_signature_alone() -> None:
    """The requests depend on the signature, not on rows: drawn within the ranges, edges, and missing values."""
    one, drawn, edges, missing = golden_requests.make(MODULE, SIGNATURE)
    assert set(one.instances[0]) == {"area", "rooms", "distance"}
    low = [feature.minimum for feature in SIGNATURE.features]
    high = [feature.maximum for feature in SIGNATURE.features]
    assert edges.instances == [low, high]
    for row in drawn.instances:
        assert all(bottom <= value <= top for bottom, value, top in zip(low, row, high, strict=True))
        assert float(row[1]).is_integer()
    assert list(missing.instances[1].values()) == [None, None, None]
    assert len(golden_requests.make(MODULE, linear_signature(missing=False))) == 3


def test_golden_answers_are_the_eager_modules_on_encoded_rows() -> None:
    """Each stored answer is what the trained module says to what the encoder makes of the request."""
    for golden in golden_requests.make(MODULE, SIGNATURE):
        inputs = Encoder(SIGNATURE).encode(golden.instances)
        np.testing.assert_array_equal(golden.answer, MODULE(torch.from_numpy(inputs["numeric"])).numpy())


def test_releasing_does_not_change_the_module(tmp_path: Path) -> None:
    """A module in training mode is still in training mode afterwards; what was published answers as in evaluation."""
    module = nn.Sequential(Linear([0.1, 0.3, 4.0], 0.0), nn.Dropout(0.9)).train()
    entry = release(module, SIGNATURE, HELD_OUT, Registry(tmp_path), DOCUMENTS)
    assert module.training
    np.testing.assert_array_equal(entry.golden[1].answer, publish_linear(tmp_path).golden[1].answer)
