"""The service over the `oip` backend: before another Mulgam, and before a real Triton."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mulgam.export.__main__ import main as export
from mulgam.registry import Registry
from tests import builders
from tests.builders import NOTES_ROWS
from tests.live import triton
from tests.live.test_serve_embedded import refused, start
from tests.processes import Serving, call, free_port, predict, serving, wait_until
from tests.sharing import once

pytestmark = pytest.mark.live

ROWS = [list(row) for row in NOTES_ROWS]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Triton, installed once for all processes of the run."""
    return once(tmp_path_factory.getbasetemp(), "triton", triton.install) / triton.HOME


@pytest.mark.beside
def test_another_mulgam_answers(registry: Registry, tmp_path: Path) -> None:
    """Regression and classification, its digest compared; when it dies 503, when it is back all is well again."""
    (tmp_path / "far").mkdir()
    with serving(registry.root, tmp_path / "far", backend="onnxruntime") as far:
        url = f"http://127.0.0.1:{far.port}"
        with serving(registry.root, tmp_path, backend="oip", oip_url=url) as near:
            answer = predict(near.port, "notes", ROWS)
            assert answer.json["predictions"] == pytest.approx([5.3, 6.2, 6.8], abs=1e-5)
            assert answer.headers["x-model-digest"] == registry.entry("notes", 1).digest
            rows = [[1.0, None, -0.5]]
            assert (
                predict(near.port, "shapes", rows, "?probabilities=all").json["predictions"]
                == (predict(far.port, "shapes", rows, "?probabilities=all").json["predictions"])
            )
            assert not near.descendants("org.pytorch.serve")
            far.kill()
            gone = predict(near.port, "notes", ROWS)
            assert (gone.status, gone.json["code"]) == (503, "MODEL_UNAVAILABLE")
            wait_until(lambda: not near.is_ready(), 10, "readiness tells the truth")
            again = Serving(registry.root, tmp_path / "far", backend="onnxruntime", port=str(far.port))
            try:
                near.wait_ready(60)
                assert predict(near.port, "notes", ROWS).status == 200
            finally:
                again.kill()


@pytest.mark.slow
def test_other_files_over_there_are_found_out(registry: Registry, tmp_path: Path) -> None:
    """Another Mulgam that serves another model under the name: the start ends with a sentence, and says why."""
    (tmp_path / "far").mkdir()
    builders.publish_linear(tmp_path / "other", weights=(0.1, 0.3, 5.0))
    only = tmp_path / "only"
    builders.publish_linear(only)
    with serving(tmp_path / "other", tmp_path / "far", backend="onnxruntime") as far:
        settings = {"MULGAM_BACKEND": "oip", "MULGAM_OIP_URL": f"http://127.0.0.1:{far.port}"}
        sentence = refused(start(only, MULGAM_STARTUP_TIMEOUT="3", **settings))
    assert "notes: The model's backend gave an answer that can't be trusted" in sentence


@pytest.mark.beside
def test_an_absent_address_is_said(registry: Registry) -> None:
    """Before anything is started."""
    assert "MULGAM_OIP_URL must be set" in refused(start(registry.root, MULGAM_BACKEND="oip"))


def test_a_server_that_is_not_there_is_said(registry: Registry) -> None:
    """The start ends in time, and the log names the address and the reason."""
    port = free_port()
    ended = start(
        registry.root, MULGAM_BACKEND="oip", MULGAM_OIP_URL=f"http://127.0.0.1:{port}", MULGAM_STARTUP_TIMEOUT="3"
    )
    assert "Not ready within 3 s" in refused(ended)
    assert f"the server at 127.0.0.1:{port} gives no answer" in ended.stderr


@pytest.mark.beside
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("tensors", ["binary", "json"])
def test_a_real_triton_answers(home: Path, tmp_path: Path, tensors: str) -> None:
    """The lecture notes' model in Triton's Python backend, under another name; golden answers prove it to be ours.

    As JSON its parser knows no missing value: a model that takes them needs binary tensors.
    """
    binary = tensors == "binary"
    builders.publish_linear(tmp_path / "registry", missing=binary)
    (tmp_path / "triton").mkdir()
    triton.linear(home, tmp_path / "triton" / "repository")
    with triton.serving(home, tmp_path / "triton") as port:
        settings = {"oip_url": f"http://127.0.0.1:{port}", "oip_models": "notes=linear:1", "oip_tensors": tensors}
        with serving(tmp_path / "registry", tmp_path, backend="oip", **settings) as service:
            answer = predict(service.port, "notes", [*ROWS, [None, 3, 0.3]] if binary else ROWS)
            assert answer.json["predictions"] == pytest.approx([5.3, 6.2, 6.8, 5.4][: 4 if binary else 3], abs=1e-5)
            assert answer.headers["x-model-digest"] == Registry(tmp_path / "registry").entry("notes", 1).digest
            body = np.tile(np.array(ROWS, np.float32), (300, 1)).tobytes()
            many = call(service.port, "POST", "/v2/models/notes/infer", body, inference_header_content_length="0")
            found = np.frombuffer(many.body[int(many.headers["inference-header-content-length"]) :], np.float32)
            assert found == pytest.approx([5.3, 6.2, 6.8] * 300, abs=1e-5)


@pytest.mark.beside
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_exported_repository_is_served_by_a_real_triton(registry: Registry, home: Path, tmp_path: Path) -> None:
    """Triton takes names, shapes, reshaping, batching and queue of an export; behind the gateway every golden answer of
    both models comes out right. (The wheel has no ONNX Runtime backend: the Python one runs the same graph.)"""
    repository = tmp_path / "triton" / "repository"
    assert export(["--to", "triton", "--registry", str(registry.root), "--store", str(repository)]) == 0
    triton.by_python(home, repository)
    with triton.serving(home, tmp_path / "triton") as port:
        plain = call(port, "GET", "/v2/models/notes/config")
        assert plain.json["max_batch_size"] == 1024
        settings = {"oip_url": f"http://127.0.0.1:{port}", "runtime": "onnx"}
        with serving(registry.root, tmp_path, backend="oip", **settings) as service:
            for model in registry.models():
                for golden in registry.entry(model, 1).golden:
                    answer = predict(service.port, model, golden.instances, "?probabilities=all")
                    assert answer.status == 200, answer.body
            assert predict(service.port, "notes", ROWS).json["predictions"] == pytest.approx([5.3, 6.2, 6.8], abs=1e-5)
            found = predict(service.port, "shapes", [[1.0, None, -0.5]]).json["predictions"]
            assert found[0]["label"] in ("circle", "square", "triangle")
