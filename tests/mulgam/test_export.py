"""`mulgam export`: what Triton and KServe get parses by their own definitions, and gives the golden answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import yaml
from google.protobuf import text_format

from mulgam.encoding.encoder import Encoder
from mulgam.export import kserve, triton
from mulgam.export.__main__ import main
from mulgam.registry import Entry, Registry
from mulgam.signature import Feature, Signature, Target, Tolerance, graph_inputs, graph_outputs
from service.settings import from_environment
from tests import builders
from tests.processes import ROOT


def parsed(text: str) -> Any:
    """A configuration as Triton's own protobuf has it; unknown fields and enums are errors."""
    from tritonclient.grpc import model_config_pb2

    return text_format.Parse(text, model_config_pb2.ModelConfig())


def export(registry: Registry, store: Path, *words: str) -> int:
    """The command's exit status."""
    return main([*words, "--registry", str(registry.root), "--store", str(store)])


def signature(*features: Feature, classes: tuple[str, ...] = ()) -> Signature:
    """A signature of these features."""
    target = Target("y", classes=classes)
    task = "classification" if classes else "regression"
    tolerance = {"onnx": {"float32": Tolerance(1e-5, 1.0)}}
    return Signature("m", task, features, target, graph_inputs(features), graph_outputs(target), tolerance)  # type: ignore[arg-type]


def test_triton_reads_the_configuration(registry: Registry, tmp_path: Path) -> None:
    """Names, types, the shape of a row, the runtime, versions, batching, labels: by Triton's own definition."""
    assert export(registry, tmp_path / "t", "--to", "triton") == 0
    notes = parsed((tmp_path / "t" / "notes" / "config.pbtxt").read_text())
    assert (notes.name, notes.platform, notes.max_batch_size) == ("notes", "onnxruntime_onnx", 1024)
    assert [(one.name, one.data_type, [*one.dims]) for one in notes.input] == [("numeric", 11, [3])]
    (output,) = notes.output
    assert (output.name, [*output.dims], [*output.reshape.shape]) == ("prediction", [1], [])
    assert output.HasField("reshape")
    assert [*notes.version_policy.specific.versions] == [1]
    assert notes.HasField("dynamic_batching")
    assert notes.dynamic_batching.default_queue_policy.max_queue_size == 256
    assert [(one.kind, one.count) for one in notes.instance_group] == [(2, 1)]
    shapes = parsed((tmp_path / "t" / "shapes" / "config.pbtxt").read_text())
    (output,) = shapes.output
    assert (output.name, [*output.dims], output.HasField("reshape")) == ("probabilities", [3], False)
    assert (tmp_path / "t" / "shapes" / output.label_filename).read_text() == "circle\nsquare\ntriangle\n"


def test_every_kind_of_input_has_its_type() -> None:
    """Categories and texts are integers to the graph; classes of several lines are no labels; quotes are escaped."""
    told = signature(
        Feature("n", "number"), Feature("c", "category", vocabulary=("a",)), Feature("t", "text", length=40),
        classes=("a\nb", "c"),
    )  # fmt: skip
    config = parsed(triton.config(told, [2, 3], triton.Options("gpu", 2, 64)))
    assert [(one.name, one.data_type, [*one.dims]) for one in config.input] == [
        ("numeric", 11, [1]), ("categories", 9, [1]), ("text", 8, [40]),
    ]  # fmt: skip
    assert config.output[0].label_filename == ""
    assert [*config.version_policy.specific.versions] == [2, 3]
    assert [(one.kind, one.count) for one in config.instance_group] == [(1, 2)]
    assert config.max_batch_size == 64
    own = Feature('odd "name"\\', "tensor", datatype="UINT8", shape=(2, 5), missing=False)
    (first,) = parsed(triton.config(signature(own), [1], triton.Options())).input
    assert (first.name, first.data_type, [*first.dims]) == ('odd "name"\\', 2, [2, 5])


def _golden_answers_are_right(entry: Entry, path: Path, config: Any) -> None:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    # What Triton's backend compares at loading: the graph's names, and its shapes behind the batch.
    for node, told in zip(session.get_inputs(), config.input, strict=True):
        assert (node.name, node.shape[1:]) == (told.name, [*told.dims])
    (node,), (told,) = session.get_outputs(), config.output
    assert node.name == told.name
    assert node.shape[1:] == [*(told.reshape.shape if told.HasField("reshape") else told.dims)]
    for golden in entry.golden:
        (answer,) = session.run(None, Encoder(entry.signature).encode(golden.instances))
        assert golden.mismatch(answer, entry.signature.tolerance_of("onnx")) is None


def test_the_exported_graph_gives_the_golden_answers(registry: Registry, tmp_path: Path) -> None:
    """Each model's, by ONNX Runtime, under the names and shapes that the configuration tells."""
    assert export(registry, tmp_path / "t", "--to", "triton") == 0
    for model in registry.models():
        folder = tmp_path / "t" / model
        config = parsed((folder / "config.pbtxt").read_text())
        _golden_answers_are_right(registry.entry(model, 1), folder / "1" / config.default_model_filename, config)


def test_several_versions_lie_side_by_side(two_versions: Registry, tmp_path: Path) -> None:
    """Under one configuration that names them; without a word, the one that is served."""
    assert export(two_versions, tmp_path / "t", "--to", "triton", "--entry", "notes:1", "--entry", "notes:2") == 0
    config = parsed((tmp_path / "t" / "notes" / "config.pbtxt").read_text())
    assert [*config.version_policy.specific.versions] == [1, 2]
    assert {path.name for path in (tmp_path / "t" / "notes").iterdir()} == {"1", "2", "config.pbtxt"}
    assert export(two_versions, tmp_path / "s", "--to", "triton") == 0
    assert (tmp_path / "s" / "notes" / "2" / "model.onnx").is_file()


def test_what_can_not_be_exported_is_said(
    own_registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A version that is not there or damaged, a folder that is; nothing is written then."""
    store = tmp_path / "t"
    assert export(own_registry, store, "--to", "triton", "--entry", "notes:9") == 1
    assert "holds no version 9 of 'notes'" in capsys.readouterr().err
    assert export(own_registry, store, "--to", "triton") == 0
    assert export(own_registry, store, "--to", "triton") == 1
    assert "is there already; export into a new folder" in capsys.readouterr().err
    (own_registry.root / "shapes" / "1" / "model.onnx").write_bytes(b"other")
    assert export(own_registry, tmp_path / "other", "--to", "triton") == 1
    assert not (tmp_path / "other").exists()
    assert export(Registry(tmp_path / "none"), tmp_path / "other", "--to", "triton") == 1
    assert "holds no model" in capsys.readouterr().err


def test_versions_of_another_shape_are_refused(
    own_registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Triton has one configuration for all versions of a model."""
    builders.publish_tiny_classifier(tmp_path / "other", "notes")
    (tmp_path / "other" / "notes" / "1").rename(own_registry.root / "notes" / "2")
    assert export(own_registry, tmp_path / "t", "--to", "triton", "--entry", "notes:1", "--entry", "notes:2") == 1
    assert "Versions 1 and 2 of 'notes' differ in inputs, outputs or classes" in capsys.readouterr().err


# The fields of serving.kserve.io/v1beta1 that may stand in a predictor (KServe 0.21, the models of its Python package).
_MODEL = {"modelFormat", "runtime", "protocolVersion", "storageUri", "env", "resources"}
_CONTAINER = {"name", "image", "env", "ports", "readinessProbe", "securityContext", "resources"}


@pytest.mark.parametrize("device", ["cpu", "gpu"])
@pytest.mark.parametrize("predictor", kserve.PREDICTORS)
def test_kserve_gets_a_service_and_its_folder(registry: Registry, tmp_path: Path, predictor: str, device: str) -> None:
    """One InferenceService for each model, of fields that KServe has; the folder is what its runtime loads."""
    uri = ["--storage-uri", "s3://bucket/models/"]
    assert export(registry, tmp_path / "k", "--to", "kserve", "--predictor", predictor, "--device", device, *uri) == 0
    text = (tmp_path / "k" / "notes.yaml").read_text()
    document = yaml.safe_load(text)
    assert (document["apiVersion"], document["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    assert document["metadata"]["annotations"]["mulgam/digest"] == registry.entry("notes", 1).digest
    predicting = document["spec"]["predictor"]
    if predictor == "triton":
        assert set(predicting) == {"minReplicas", "model"}
        assert set(predicting["model"]) == _MODEL
        assert predicting["model"]["storageUri"] == "s3://bucket/models/notes"
        config = parsed((tmp_path / "k" / "notes" / "notes" / "config.pbtxt").read_text())
        assert config.instance_group[0].kind == (1 if device == "gpu" else 2)
        given = predicting["model"]
    else:
        assert set(predicting) == {"minReplicas", "containers"}
        (given,) = predicting["containers"]
        assert set(given) == _CONTAINER
        values = {item["name"]: item["value"] for item in given["env"]}
        assert values["STORAGE_URI"] == "s3://bucket/models/notes"
        settings = from_environment(values)
        assert given["ports"] == [{"containerPort": settings.port, "protocol": "TCP"}]
        assert settings.shows_health
        assert Registry(tmp_path / "k" / "notes").entry("notes", 1).digest == registry.entry("notes", 1).digest
    assert given["resources"]["limits"].get("nvidia.com/gpu") == ("1" if device == "gpu" else None)
    assert given["resources"]["requests"]["memory"] == given["resources"]["limits"]["memory"]


def test_a_name_that_kubernetes_would_refuse_is_changed() -> None:
    """Small letters, digits and '-', a letter first."""
    names = [kserve.resource_name(name) for name in ("House_Price", "9lives", "a-")]
    assert names == ["house-price", "m-9lives", "a"]


def test_two_services_of_one_name_are_refused(
    two_versions: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two versions of a model, as well as two models whose names become one."""
    words = ["--to", "kserve", "--storage-uri", "gs://b", "--entry", "notes:1", "--entry", "notes:2"]
    assert export(two_versions, tmp_path / "k", *words) == 1
    assert "notes:1 and notes:2 would both be the InferenceService 'notes'" in capsys.readouterr().err
    assert not (tmp_path / "k").exists()


@pytest.mark.parametrize("words", [[], ["--storage-uri", "bucket/models"], ["--storage-uri", "s3://a b"]])
def test_a_storage_uri_is_wanted(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Usage that is wrong ends with 2 and says so."""
    with pytest.raises(SystemExit) as caught:
        main(["--to", "kserve", "--store", str(tmp_path), *words])
    assert caught.value.code == 2
    assert "storage" in capsys.readouterr().err


def test_archives_are_the_default(registry: Registry, tmp_path: Path) -> None:
    """`mulgam export` without --to packs for TorchServe, as it always did; so it does with --to torchserve."""
    for words in ([], ["--to", "torchserve"]):
        command = [sys.executable, "-m", "mulgam", "export", *words, "--registry", str(registry.root)]
        ended = subprocess.run(
            [*command, "--store", str(tmp_path), "--entry", "notes:1"],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (ended.returncode, ended.stdout) == (0, f"{tmp_path / 'notes-1.mar'}\n"), ended.stderr


def test_a_text_is_code_points(tmp_path: Path) -> None:
    """Of a model of text the graph takes INT32: what Triton is told, and what the encoder gives."""
    told = signature(Feature("t", "text", length=5, missing=False), classes=("a", "b"))
    encoded = Encoder(told).encode(["가"])["text"]
    (tensor,) = parsed(triton.config(told, [1], triton.Options())).input
    assert (encoded.dtype, encoded.shape) == (np.int32, (1, *tensor.dims))
