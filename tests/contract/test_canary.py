"""A caller's key has one version on every road: the edge, Flask alone, V1, V2 over HTTP and gRPC, tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mulgam.registry import Registry
from mulgam.serving import Choice
from service.app import create_app
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.bridge import Bridge
from service.metrics.recording import Metrics
from service.plane import DataPlane
from service.process.following import adopt
from service.settings import Settings
from service.versions.served import load
from tests.contract.test_both_roads import CSV, NDJSON, ROW, V2_JSON, by_edge, by_flask
from tests.processes import wait_until
from tests.service.test_rpc import infer, listening, typed
from tests.service.test_rpc import request as message

JSON_WAYS: list[tuple[str, bytes, dict[str, str]]] = [
    ("/predict/notes", ROW, {}),
    ("/v1/models/notes:predict", ROW, {}),
    ("/v2/models/notes/infer", V2_JSON, {}),
]
TABLES: list[tuple[str, bytes, dict[str, str]]] = [
    ("/predict/notes", b"area,rooms,distance\n32,3,0.3\n33,3,0.5\n", CSV),
    ("/predict/notes", b"[32,3,0.3]\n", NDJSON),
]
KEYS = [f"user-{number}" for number in range(12)]


@pytest.fixture
def plane(two_versions: Registry, bridge: Bridge) -> Iterator[DataPlane]:
    """Version 1, ready; a test says what is tried beside it."""
    catalogue = load(two_versions, {"notes": 1}, "onnx")
    plane = DataPlane(Settings(), catalogue, OnnxRuntimeBackend(catalogue, "cpu"), Metrics())
    bridge.run(plane.readiness.replay())
    yield plane
    bridge.run(plane.backend.close())


def digests(plane: DataPlane, bridge: Bridge, header: dict[str, str], ways: list[tuple[str, bytes, dict[str, str]]],
            ) -> list[str]:  # fmt: skip
    """The digest that each way answers with, on both roads, and over gRPC."""
    app = create_app(plane, bridge)
    found = []
    for path, body, headers in ways:
        sent = {"host": "localhost", "content-length": str(len(body)), **headers, **header}
        for answer in (
            by_edge(app, plane, bridge, "POST", path, sent, body),
            by_flask(app, "POST", path, sent, body),
        ):
            assert answer[0] == 200, answer
            found.append(answer[1]["x-model-digest"])
    with listening(plane, bridge) as channel:
        metadata = {name.replace("-", "_"): value for name, value in header.items()}
        found.append(infer(channel, message(typed()), **metadata)[1]["x-model-digest"])
    return found


@pytest.mark.parametrize("header", ["x-canary-key", "x-request-id"])
def test_a_key_has_one_version_on_every_road(
    plane: DataPlane, two_versions: Registry, bridge: Bridge, header: str
) -> None:
    """The caller's key, or without one the request's id; both versions come to answer."""
    assert bridge.run(adopt(plane, two_versions, {"notes": Choice(1, canary=2, share=0.5)}, "onnx")) == {}
    seen = set()
    for key in KEYS:
        expected = plane.catalogue.of_model("notes").of_key(key).digest
        assert set(digests(plane, bridge, {header: key}, JSON_WAYS + TABLES)) == {expected}
        seen.add(expected)
    assert len(seen) == 2


def test_requests_of_every_road_reach_the_shadow(plane: DataPlane, two_versions: Registry, bridge: Bridge) -> None:
    """Each is computed once more, tables excepted; the answers are the default's."""
    assert bridge.run(adopt(plane, two_versions, {"notes": Choice(1, shadow=2)}, "onnx")) == {}
    default = plane.catalogue.find("notes").digest
    assert set(digests(plane, bridge, {}, JSON_WAYS + TABLES)) == {default}
    labels = {"model": "notes", "version": "2", "outcome": "disagreed"}

    async def flush() -> None:
        plane.flush()

    def count() -> float | None:
        bridge.run(flush())
        return plane.metrics.registry.get_sample_value("mulgam_shadow_requests_total", labels)

    wait_until(lambda: count() == 2 * len(JSON_WAYS) + 1, 10, "every request was computed once more")
