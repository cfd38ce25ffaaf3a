"""A large request is answered as a small one is: its way through another process changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mulgam.registry import Registry
from service.app import create_app
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.bridge import Bridge
from service.metrics.recording import Metrics
from service.offload import large
from service.offload.client import Offload
from service.plane import DataPlane
from service.settings import Settings
from service.versions.served import load
from tests.contract.test_both_roads import CASES, CSV, NDJSON, by_flask

PREDICTIONS = [
    (target, body, headers)
    for method, target, body, headers in CASES
    if method == "POST" and headers.get("content-type") not in (CSV["content-type"], NDJSON["content-type"])
]


@pytest.fixture(scope="module")
def planes(registry: Registry, bridge: Bridge) -> Iterator[list[DataPlane]]:
    """One that parses in its own threads, one that offloads."""
    catalogue = load(registry, {"notes": 1, "shapes": 1}, "onnx")
    planes = [
        DataPlane(Settings(max_rows=50), catalogue, OnnxRuntimeBackend(catalogue, "cpu"), Metrics(), offload=offload)
        for offload in (None, Offload())
    ]
    for plane in planes:
        bridge.run(plane.readiness.replay())
    yield planes
    for plane in planes:
        bridge.run(plane.backend.close())
        if plane.offload is not None:
            plane.offload.close()


@pytest.mark.parametrize(("target", "body", "headers"), PREDICTIONS)
def test_the_worker_answers_as_the_thread_does(
    planes: list[DataPlane], bridge: Bridge, monkeypatch: pytest.MonkeyPatch,
    target: str, body: bytes, headers: dict[str, str],
) -> None:  # fmt: skip
    """Right and wrong requests of each protocol: status, headers and body are equal."""
    monkeypatch.setattr(large, "LARGE_BYTES", -1)
    sent = {"host": "localhost", "x-request-id": "one-and-the-same", **headers}
    here, apart = (by_flask(create_app(plane, bridge), "POST", target, sent, body) for plane in planes)
    assert apart == here
