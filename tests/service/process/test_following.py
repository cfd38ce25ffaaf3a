"""Taking over versions while serving: what was served before goes only once nobody can need it."""

from __future__ import annotations

import time

import pytest

from mulgam.registry import Registry
from mulgam.serving import Choice
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.bridge import Bridge
from service.errors import ApiError
from service.metrics.recording import Metrics
from service.plane import DataPlane
from service.process.following import adopt
from service.settings import Settings
from service.versions.served import load
from tests import builders
from tests.processes import wait_until

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
    plane = DataPlane(settings, catalogue, OnnxRuntimeBackend(catalogue, "cpu"), Metrics())
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
        wait_until(lambda: not plane.retired, 10, "it is let go")
        assert list(plane.held_versions()) == []
        with pytest.raises(ApiError, match="is not served"):
            price()
    bridge.run(plane.backend.close())
