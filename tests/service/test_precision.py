"""Serving a smaller form: the onnxruntime backend runs the one that is asked for, and holds it to its own tolerance."""

import asyncio
import re
from pathlib import Path

import numpy as np
import pytest

from mulgam import serving as plan
from mulgam.errors import MulgamError
from mulgam.registry import Registry
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.backends.prediction import predict
from service.settings import SettingsError, from_environment, to_environment
from service.versions.served import Served, load
from tests import builders
from tests.processes import predict as ask
from tests.processes import serving, wait_until

ROWS = [[0.5, -1.0, 2.0], [0.1, 0.2, 0.3]]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """`shapes` with an int8 form, `notes` without."""
    root = tmp_path_factory.mktemp("registry")
    builders.publish_tiny_classifier(root, precisions=("int8", "float16"))
    builders.publish_linear(root)
    return Registry(root)


async def _answered(served: Served) -> tuple[np.ndarray, list[str | None]]:
    """The answer to the rows, and what is wrong with each golden answer."""
    backend = OnnxRuntimeBackend([served], "cpu")
    try:
        output = await predict(served, served.encoder.encode(ROWS), backend, 5)
        replayed = [
            golden.mismatch(
                await predict(served, served.encoder.encode(golden.instances), backend, 5), served.tolerance
            )
            for golden in served.entry.golden
        ]
        return output, replayed
    finally:
        await backend.close()


def test_each_precision_runs_its_own_file_within_its_own_tolerance(registry: Registry) -> None:
    """int8 and float16 answer a little differently from float32, and their golden replays pass."""
    entry = registry.entry("shapes", 1)
    full, wrong = asyncio.run(_answered(Served(entry, "onnx")))
    assert not any(wrong)
    for precision in ("int8", "float16"):
        small, wrong = asyncio.run(_answered(Served(entry, "onnx", precision)))
        assert not any(wrong)
        assert 0 < np.abs(small - full).max() < entry.signature.tolerance_of("onnx", precision).relative
    # The replays are the reason for a tolerance of its own: float32's would refuse both.
    assert Served(entry, "onnx", "int8").tolerance.relative > 100 * Served(entry, "onnx").tolerance.relative


def test_a_version_without_the_form_is_refused_by_name(registry: Registry) -> None:
    """The sentence names model, version, precision and what to do."""
    expected = r"Version 1 of 'notes' has no int8 form, which MULGAM_PRECISION asks for; .* variants = \[\"int8\"\]"
    with pytest.raises(MulgamError, match=expected):
        OnnxRuntimeBackend(load(registry, {"notes": 1}, "onnx", "int8"), "cpu")


def test_the_setting_is_checked_against_the_backend() -> None:
    """It is one of three, goes with the onnxruntime backend alone, and travels to the gateways."""
    settings = from_environment({"MULGAM_PRECISION": "int8", "MULGAM_BACKEND": "onnxruntime"})
    assert from_environment(to_environment(settings)) == settings
    with pytest.raises(SettingsError, match=r"MULGAM_PRECISION is int8, .* onnxruntime .*; the backend is torchserve"):
        from_environment({"MULGAM_PRECISION": "int8"})
    with pytest.raises(SettingsError, match=r"must be one of float32, int8, float16"):
        from_environment({"MULGAM_PRECISION": "int4", "MULGAM_BACKEND": "onnxruntime"})


@pytest.mark.live
@pytest.mark.beside
def test_a_service_serves_the_models_that_have_the_form(registry: Registry, tmp_path: Path) -> None:
    """Of two models the one without it is refused, by name, at the start; the other answers and can be promoted."""
    builders.publish_tiny_classifier(registry.root, precisions=("int8",))
    plan.promote(registry, "shapes", 1)
    with serving(registry.root, tmp_path, backend="onnxruntime", precision="int8") as service:
        assert ask(service.port, "shapes", ROWS).status == 200
        assert ask(service.port, "notes", [[32, 3, 0.3]]).status == 404
        assert re.search(r"refused: Version 1 of 'notes' has no int8 form", service.log.read_text())
        plan.promote(registry, "shapes", 2)
        wait_until(lambda: ask(service.port, "shapes", ROWS).json["version"] == 2, 30, "version 2 to be served")
