"""Taking over versions while serving: what was served before goes only once nobody can need it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence

import pytest

from mulgam.registry import Registry
from mulgam.serving import Choice
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.bridge import Bridge
from service.errors import ApiError, bad_backend
from service.metrics.recording import Metrics
from service.plane import DataPlane
from service.process.following import adopt
from service.settings import Settings
from service.versions.served import Served, load
from tests import builders
from tests.processes import wait_until
from tests.service.conftest import SteeredBackend

TIMEOUT = 0.2


def test_a_version_that_comes_back_stays(own_registry: Registry, bridge: Bridge) -> None:
    """Promoted away and rolled back within the grace: the first goodbye must not take the version's session along."""
    builders.publish_linear(own_registry.root, weights=(0.2, 0.3, 4.0))
    catalogue = load(own_registry, {"notes": 1}, "onnx")
    plane = DataPlane(Settings(request_timeout=TIMEOUT), catalogue, OnnxRuntimeBackend(catalogue, "cpu"), Metrics())

    def price(version: int) -> float:
        served = plane.catalogue.find("notes", str(version))
        return float(bridge.run(plane.predict(served, served.encoder.encode([[10, 0, 0]]), 1, 5.0))[0])

    for version in (2, 1):
        assert bridge.run(adopt(plane, own_registry, {"notes": Choice(version)}, "onnx")) == {}
        assert abs(price(version) - version) < 1e-5
    time.sleep(TIMEOUT + 1.5)  # beyond the grace of both
    assert abs(price(1) - 1) < 1e-5
    bridge.run(plane.backend.close())


@pytest.mark.parametrize("linger", [0.0, 1.0])
def test_a_version_lingers_while_it_is_asked_for(own_registry: Registry, bridge: Bridge, linger: float) -> None:
    """By its number, where `MULGAM_LINGER` says so: it answers, is held, and goes some time after the last call."""
    builders.publish_linear(own_registry.root, weights=(0.2, 0.3, 4.0))
    catalogue = load(own_registry, {"notes": 1}, "onnx")
    settings = Settings(request_timeout=TIMEOUT, linger=linger)
    backend, old = OnnxRuntimeBackend(catalogue, "cpu"), catalogue.find("notes")
    plane = DataPlane(settings, catalogue, backend, Metrics())
    assert bridge.run(adopt(plane, own_registry, {"notes": Choice(2)}, "onnx")) == {}

    def price() -> float:
        served = plane.find("notes", "1", "key")
        return float(bridge.run(plane.predict(served, served.encoder.encode([[10, 0, 0]]), 1, 5.0))[0])

    if not linger:
        with pytest.raises(ApiError, match="is not served"):
            price()
    else:
        until = time.monotonic() + TIMEOUT + linger + 1.5
        while time.monotonic() < until:  # longer than it would linger unasked
            assert abs(price() - 1) < 1e-5
            assert list(plane.held_versions()) == [("notes", 1)]
            time.sleep(0.05)
        wait_until(lambda: is_released(backend, old), 10, "it is let go")
        assert list(plane.held_versions()) == []
        with pytest.raises(ApiError, match="is not served"):
            price()
    bridge.run(plane.backend.close())


@pytest.mark.parametrize("is_queued", [False, True])
@pytest.mark.parametrize(
    "choices",
    [
        pytest.param([Choice(2)], id="promoted"),
        pytest.param([Choice(1, canary=2, share=0.5), Choice(1)], id="canary"),
        pytest.param([Choice(1, canary=2, share=0.5), Choice(2)], id="canary promoted"),
        pytest.param([Choice(1, shadow=2), Choice(1)], id="shadow"),
    ],
)
def test_a_version_with_the_same_files_takes_nothing_along(
    own_registry: Registry, bridge: Bridge, choices: Sequence[Choice], is_queued: bool
) -> None:
    """An old version copied forward has the old one's digest: where one of the two goes, the other answers on."""
    shutil.copytree(own_registry.root / "notes/1", own_registry.root / "notes/2")
    catalogue = load(own_registry, {"notes": 1}, "onnx")
    own = OnnxRuntimeBackend(catalogue, "cpu")
    queued = SteeredBackend(own)
    queued.prepare, queued.release = own.prepare, own.release  # type: ignore[attr-defined]
    plane = DataPlane(Settings(request_timeout=TIMEOUT), catalogue, queued if is_queued else own, Metrics())  # type: ignore[arg-type]
    seen: set[Served] = set(catalogue.versions)
    for choice in choices:
        assert bridge.run(adopt(plane, own_registry, {"notes": choice}, "onnx")) == {}
        seen |= set(plane.catalogue.versions)
    stays = plane.catalogue.find("notes")
    for gone in seen - {stays}:
        wait_until(lambda gone=gone: is_released(own, gone), 10, "the other version is let go")
    bridge.run(plane.readiness.replay())
    price = bridge.run(plane.predict(stays, stays.encoder.encode([[10, 0, 0]]), 1, 5.0))
    assert abs(float(price[0]) - 1) < 1e-5
    assert plane.readiness.ready() == {"notes": True}
    bridge.run(own.close())


def test_a_refused_version_with_the_same_files_takes_nothing_along(own_registry: Registry, bridge: Bridge) -> None:
    """What does not give its golden answers is let go alone."""
    shutil.copytree(own_registry.root / "notes/1", own_registry.root / "notes/2")
    catalogue = load(own_registry, {"notes": 1}, "onnx")
    own = OnnxRuntimeBackend(catalogue, "cpu")
    steered = SteeredBackend(own)
    steered.prepare, steered.release = own.prepare, own.release  # type: ignore[attr-defined]
    steered.spoil = lambda served, answer: bad_backend() if served.version == 2 else answer
    plane = DataPlane(Settings(request_timeout=TIMEOUT), catalogue, steered, Metrics())  # type: ignore[arg-type]
    assert "golden" in bridge.run(adopt(plane, own_registry, {"notes": Choice(2)}, "onnx"))["notes"]
    stays = plane.catalogue.find("notes")
    assert bridge.run(plane.predict(stays, stays.encoder.encode([[10, 0, 0]]), 1, 5.0)) is not None
    bridge.run(own.close())


def is_released(backend: OnnxRuntimeBackend, served: Served) -> bool:
    """Whether a version's session is gone."""
    try:
        backend.cheap_rows(served)
    except ApiError:
        return True
    return False
