"""Without a valid key no road gives an answer: the edge, Flask alone, tables and gRPC; with one each of them does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from mulgam.registry import Registry
from service.app import create_app
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.bridge import Bridge
from service.keys import from_settings
from service.metrics.recording import Metrics
from service.page.files import paths
from service.plane import DataPlane
from service.rpc.open_inference_pb2 import ModelInferRequest
from service.settings import Settings
from service.versions.served import load
from tests.contract.test_both_roads import CSV, NDJSON, ROW, TABLE, V2_JSON, Answer, by_edge, by_flask
from tests.service.test_rpc import ROW as ROW_VALUES
from tests.service.test_rpc import SERVICE, listening, typed

KEY = "the-key-of-this-test-0123"
CLOSED: list[tuple[str, str, bytes, dict[str, str]]] = [
    ("POST", "/predict/notes", ROW, {}),
    ("POST", "/predict/notes/versions/1", ROW, {}),
    ("POST", "/v1/models/notes:predict", ROW, {}),
    ("POST", "/v2/models/notes/infer", V2_JSON, {}),
    ("POST", "/predict/notes?keep=id", TABLE, CSV),
    ("POST", "/predict/notes", b"[1,2,3]\n", NDJSON),
    ("POST", "/v2/repository/index", b"", {}),
    *(
        ("GET", path, b"", {})
        for path in (
            "/openapi.json",
            "/models",
            "/models/notes",
            "/models/notes/stats",
            "/models/notes/report",
            "/v1/models",
            "/v1/models/notes",
            "/v2",
        )
    ),
    *(("GET", path, b"", {}) for path in ("/v2/models/notes", "/v2/models/notes/ready", "/metrics")),
]
OPEN = ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready", *sorted(paths()))


@pytest.fixture(scope="module")
def plane(registry: Registry, bridge: Bridge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataPlane]:
    """A ready model behind one key."""
    path = Path(tmp_path_factory.mktemp("keys")) / "keys"
    path.write_text(KEY)
    catalogue = load(registry, {"notes": 1}, "onnx")
    backend = OnnxRuntimeBackend(catalogue, "cpu")
    settings = Settings(api_keys_file=str(path))
    plane = DataPlane(settings, catalogue, backend, Metrics(), keys=from_settings(settings))
    bridge.run(plane.readiness.replay())
    yield plane
    bridge.run(plane.backend.close())


Ask = Callable[..., Answer]


@pytest.fixture(params=["edge", "flask"])
def ask(request: pytest.FixtureRequest, plane: DataPlane, bridge: Bridge) -> Ask:
    """One of the two roads."""
    app = create_app(plane, bridge)

    def asked(method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
        sent = {"host": "localhost", "content-length": str(len(body)), **headers}
        if request.param == "edge":
            return by_edge(app, plane, bridge, method, target, sent, body)
        return by_flask(app, method, target, sent, body)

    return asked


@pytest.mark.parametrize(("method", "target", "body", "headers"), CLOSED)
def test_without_a_key_there_is_no_answer(
    ask: Ask, method: str, target: str, body: bytes, headers: dict[str, str]
) -> None:
    """401 in the one shape with the scheme to use, for none as for a wrong one; the right one opens."""
    for shown in ({}, {"authorization": f"Bearer {KEY}x"}, {"x-api-key": KEY[:-1]}):
        status, sent, answer = ask(method, target, body, {**headers, **shown})
        assert (status, sent["www-authenticate"]) == (401, "Bearer")
        assert b'"code":"UNAUTHORIZED"' in answer
        assert b"notes" not in answer
    for shown in ({"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}):
        assert ask(method, target, body, {**headers, **shown})[0] == 200


@pytest.mark.parametrize("path", OPEN)
def test_probes_need_no_key(ask: Ask, path: str) -> None:
    """Health and the page's own files tell nothing of a model that a stranger may not know."""
    assert ask("GET", path, b"", {})[0] == 200


@pytest.mark.parametrize("path", ["/nope", "/predict/nope", "/predict/notes/versions/9", "/page/nope.js", "/page/"])
def test_a_stranger_does_not_learn_what_there_is(ask: Ask, path: str) -> None:
    """Unknown paths, models and versions are 401 too, whatever the method; one unknown to HTTP says nothing of them."""
    assert [ask(method, path, b"", {})[0] for method in ("GET", "POST", "OPTIONS")] == [401] * 3
    assert ask("FOO", path, b"", {})[0] in (401, 501)


def test_a_body_is_not_read_without_a_key(plane: DataPlane, bridge: Bridge) -> None:
    """The edge refuses by the head alone, a table's too."""
    for kind in ("application/json", "text/csv"):
        # One byte more is announced than any body may have: its 413 would come next.
        size = str(plane.settings.bulk_max_bytes + 1)
        headers = {"host": "a", "content-type": kind, "content-length": size}
        app = create_app(plane, bridge)
        assert by_edge(app, plane, bridge, "POST", "/predict/notes", headers, b"")[0] == 401
        assert by_edge(app, plane, bridge, "POST", "/predict/notes", headers | {"x-api-key": KEY}, b"")[0] == 413


@pytest.mark.parametrize("method", ["ModelInfer", "ServerMetadata", "ModelMetadata", "ModelReady", "RepositoryIndex"])
def test_grpc_wants_the_key_too(plane: DataPlane, bridge: Bridge, method: str) -> None:
    """UNAUTHENTICATED with the code in the trailing metadata; the probes are open."""
    infer = ModelInferRequest(model_name="notes", inputs=[typed([1, 3], fp32_contents=ROW_VALUES)])
    # The name is the first field of every message.
    message = infer.SerializeToString() if method == "ModelInfer" else infer.SerializeToString()[:7]
    with listening(plane, bridge) as channel:
        call = channel.unary_unary(SERVICE + method)
        for shown in ((), (("authorization", f"Bearer {KEY}x"),)):
            with pytest.raises(grpc.RpcError) as caught:
                call(message, metadata=shown, timeout=10)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
            assert dict(caught.value.trailing_metadata())["x-error-code"] == "UNAUTHORIZED"
        for shown in ((("authorization", f"Bearer {KEY}"),), (("x-api-key", KEY),)):
            assert call(message, metadata=shown, timeout=10)
        for probe in ("ServerLive", "ServerReady"):
            assert channel.unary_unary(SERVICE + probe)(b"", timeout=10)


def test_no_key_is_in_the_figures(plane: DataPlane, bridge: Bridge) -> None:
    """Neither in a label nor in a value's name, whatever was sent before."""
    by_flask(create_app(plane, bridge), "GET", "/models", {"authorization": f"Bearer {KEY}"}, b"")
    series = [sample for family in plane.metrics.registry.collect() for sample in family.samples]
    assert KEY not in repr(series)
