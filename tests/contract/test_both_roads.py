"""The edge answers predictions by itself, Flask answers them under any WSGI server: header by header the same."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flask import Flask, Response, abort, request

from mulgam import tensors as v2
from mulgam.registry import Registry
from service.app import create_app
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.bridge import Bridge
from service.edge import Edge
from service.http1.connection import Connection
from service.http1.listener import Listener
from service.metrics.recording import Metrics
from service.page.files import files
from service.plane import DataPlane
from service.settings import Settings
from service.versions.served import load
from tests.builders import gzipped

Answer = tuple[int, dict[str, str], bytes]
LENGTH, BINARY = v2.encode("inputs", {"numeric": np.array([[32, 3, 0.3], [np.nan, 3, 0.5]], np.float32)})


class Client(asyncio.Transport):
    """The network's side of a connection: keeps what is answered."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 9)})
        self.answer = b""
        self.ended = asyncio.Event()

    def write(self, data: Any) -> None:
        """Keep a piece of the answer."""
        self.answer += data

    def write_eof(self) -> None:
        """The answer is whole."""
        self.ended.set()

    def pause_reading(self) -> None:
        """Everything was sent already."""

    def resume_reading(self) -> None:
        """Everything was sent already."""

    def get_write_buffer_size(self) -> int:
        """Everything is taken at once."""
        return 0


@pytest.fixture(scope="module")
def plane(registry: Registry, bridge: Bridge) -> Any:
    """Both models over ONNX Runtime."""
    catalogue = load(registry, {"notes": 1, "shapes": 1}, "onnx")
    plane = DataPlane(Settings(max_rows=50), catalogue, OnnxRuntimeBackend(catalogue, "cpu"), Metrics())
    bridge.run(plane.readiness.replay())
    yield plane
    bridge.run(plane.backend.close())


def by_edge(
    app: Flask, plane: DataPlane, bridge: Bridge, method: str, target: str, headers: dict[str, str], body: bytes
) -> Answer:
    """Through the edge."""
    frame = {"host": "localhost", "connection": "close", "content-length": str(len(body))}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in (frame | headers).items())]
    request = "\r\n".join([*lines, "", ""]).encode() + body

    async def scene() -> bytes:
        edge = Edge(app, plane)
        listener = Listener(edge, 5.0, 5.0)
        listener.loop = asyncio.get_running_loop()
        client, connection = Client(), Connection(listener)
        connection.connection_made(client)
        connection.data_received(request)
        await asyncio.wait_for(client.ended.wait(), 20)
        await edge.close()
        plane.is_closing = False  # it serves the next test
        return client.answer

    return parsed(bridge.run(scene()))


def parsed(answer: bytes) -> Answer:
    """Status, headers but for those of the frame, and the body, out of its chunks."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    if headers.pop("transfer-encoding", None) == "chunked":
        whole = b""
        while body:
            size, _, rest = body.partition(b"\r\n")
            whole, body = whole + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        body = whole
    for name in ("content-length", "connection", "date"):
        headers.pop(name, None)
    return int(first.split(" ")[1]), headers, body


def by_flask(app: Flask, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
    """Through Flask alone."""
    answer = app.test_client().open(target, method=method, headers=headers, data=body)
    kept = {name.lower(): value for name, value in answer.headers.items() if name.lower() != "content-length"}
    return answer.status_code, kept, answer.data


ROW = b'{"instances":[[32,3,0.3]]}'
LONG = json.dumps({"instances": [[1, 2, 3]] * 50}).encode()
V2_JSON = json.dumps(
    {"id": "7", "inputs": [{"name": "numeric", "datatype": "FP32", "shape": [1, 3], "data": [[32, 3, 0.3]]}]}
).encode()
CSV, NDJSON = {"content-type": "text/csv"}, {"content-type": "application/x-ndjson"}
TABLE = b"id,area,rooms,distance\n" + b"".join(b"%d,%d,3,\n" % (row, row % 50) for row in range(2000))
BAD_TABLE = b'id,width,height,depth\n1,1,2,3\n2,x,2,3\n3,1\n"4,a",1,2,\n5,1e39,1,"1\n'
LINES = b'[1,2,3]\n{"area":1,"rooms":null,"distance":3}\nnope\n[1]\n'
CASES: list[tuple[str, str, bytes, dict[str, str]]] = [
    ("POST", "/predict/notes", ROW, {}),
    ("POST", "/predict/notes/versions/1", ROW, {}),
    ("POST", "/predict/shapes?probabilities=all", b'{"instances":[[1,null,3]]}', {}),
    ("POST", "/predict/shapes?probabilities=some", ROW, {}),
    ("POST", "/v1/models/notes:predict", ROW, {}),
    ("POST", "/v1/models/shapes:predict", b'{"inputs":[[1,2,3]]}', {}),
    ("POST", "/v2/models/notes/infer", V2_JSON, {}),
    ("POST", "/v2/models/shapes/versions/1/infer", V2_JSON, {}),
    ("POST", "/v2/models/shapes/infer", BINARY, {"inference-header-content-length": str(LENGTH)}),
    ("POST", "/v2/models/shapes/infer", BINARY, {"inference-header-content-length": "99999999999"}),
    ("POST", "/v2/models/notes/infer", BINARY[LENGTH:], {"inference-header-content-length": "0"}),
    ("POST", "/predict/notes", b'{"instances":[[1,2]]}', {}),
    ("POST", "/predict/notes", b"{", {}),
    ("POST", "/predict/notes", b"", {}),
    ("POST", "/predict/notes", b'{"instances":' + b"[" * 900 + b"]" * 900 + b"}", {}),
    ("POST", "/predict/notes", json.dumps({"instances": [[1, 2, 3]] * 51}).encode(), {}),
    ("POST", "/predict/notes", ROW, {"content-type": "text/plain"}),
    ("POST", "/predict/notes", ROW, {"content-type": "application/json; charset=utf-8"}),
    ("POST", "/predict/notes", ROW, {"content-encoding": "gzip"}),
    ("POST", "/predict/notes", gzipped(ROW), {"content-encoding": "gzip"}),
    ("POST", "/predict/notes", zlib.compress(ROW), {"content-encoding": "deflate"}),
    ("POST", "/predict/notes", ROW, {"content-encoding": "br"}),
    ("POST", "/predict/shapes?probabilities=all", LONG, {"accept-encoding": "br, gzip"}),
    ("POST", "/predict/shapes?probabilities=all", LONG, {"accept-encoding": "gzip;q=0"}),
    ("POST", "/predict/notes", ROW, {"x-request-timeout": "soon"}),
    ("POST", "/predict/notes", ROW, {"x-request-timeout": "0.5"}),
    ("POST", "/predict/notes?keep=id", TABLE, CSV),
    ("POST", "/predict/notes/versions/1?keep=id", gzipped(TABLE), CSV | {"content-encoding": "gzip"}),
    ("POST", "/predict/notes?keep=id", gzipped(TABLE)[:-9], CSV | {"content-encoding": "gzip"}),
    ("POST", "/predict/notes?keep=id", TABLE, CSV | {"content-encoding": "br"}),
    ("POST", "/predict/shapes?keep=id", BAD_TABLE, {"content-type": "Text/CSV; charset=utf-8"}),
    ("POST", "/predict/notes", b"area,rooms,distance\n", CSV),
    ("POST", "/predict/notes", TABLE, CSV),
    ("POST", "/predict/notes?keep=id,id", TABLE, CSV),
    ("POST", "/predict/notes?probabilities=all", TABLE, CSV),
    ("POST", "/predict/notes", b"", CSV),
    ("POST", "/predict/notes", LINES, NDJSON),
    ("POST", "/predict/shapes", LINES, NDJSON),
    ("POST", "/predict/notes", b"", NDJSON),
    ("POST", "/predict/notes?keep=id", LINES, NDJSON),
    ("POST", "/predict/nope", TABLE, CSV),
    ("GET", "/predict/notes", TABLE, CSV),
    ("POST", "/v1/models/notes:predict", TABLE, CSV),
    ("POST", "/predict/nope", ROW, {}),
    ("POST", "/predict/notes/versions/9", ROW, {}),
    ("GET", "/predict/notes", b"", {}),
    ("GET", "/v2/models/shapes", b"", {}),
    ("GET", "/v2/health/ready", b"", {}),
    ("POST", "/v2/repository/index", b"", {}),
    ("GET", "/nope", b"", {}),
    ("POST", "/predict/notes", ROW, {"x-what-if": "1"}),
    ("GET", "/", b"", {}),
    ("HEAD", "/", b"", {}),
    ("POST", "/", b"", {}),
    ("GET", "/page/app.js", b"", {"accept-encoding": "gzip"}),
    ("GET", "/page/app.js", b"", {"if-none-match": f'"{files()["app.js"].tag}"'}),
    ("GET", "/page/..%2fsettings.py", b"", {}),
    ("GET", "/page/%2e%2e/settings.py", b"", {}),
    ("GET", "/models", b"", {}),
    ("GET", "/models/notes", b"", {"accept-encoding": "gzip"}),
    ("GET", "/models/notes/report", b"", {}),
    ("GET", "/models/nope/stats", b"", {}),
    ("DELETE", "/models/notes/stats", b"", {}),
]


@pytest.mark.parametrize(("method", "target", "body", "headers"), CASES)
def test_both_roads_give_the_same_answer(
    plane: DataPlane, bridge: Bridge, method: str, target: str, body: bytes, headers: dict[str, str]
) -> None:
    """Status, headers and body are equal."""
    sent = {"host": "localhost", "content-length": str(len(body)), "x-request-id": "one-and-the-same", **headers}
    app = create_app(plane, bridge)
    edge = by_edge(app, plane, bridge, method, target, sent, body)
    flask = by_flask(app, method, target, sent, body)
    edge[1].pop("content-length", None)
    if edge[1].get("connection") == "close":
        # The edge may not have read the whole of a table that it refuses; a WSGI server sees to that by itself.
        assert edge[0] != 200
        assert headers["content-type"] in (CSV["content-type"], NDJSON["content-type"])
        del edge[1]["connection"]
    assert edge == flask
    assert edge[1]["x-request-id"] == "one-and-the-same"


OUTSIDE = json.dumps({"instances": [[34, 3, 0.4], [34, 3, 300]]}).encode()
REFUSALS: list[tuple[str, bytes, dict[str, str], int]] = [
    ("/predict/notes", OUTSIDE, {}, 400),
    ("/predict/notes", json.dumps({"instances": [[34, 3, 0.4]] * 49 + [[1, 3, 0.4]]}).encode(), {}, 400),
    ("/predict/notes", b'{"instances":[[34,3,0.4]]}', {}, 200),
    ("/v1/models/notes:predict", OUTSIDE, {}, 400),
    ("/v2/models/notes/infer", V2_JSON.replace(b"0.3", b"0.6"), {}, 400),
    ("/v2/models/notes/infer", BINARY.replace(b"\x00\x00\x00?", b"\x00\x00\x80?"),
     {"inference-header-content-length": str(LENGTH)}, 400),
    ("/predict/notes?keep=id", TABLE, CSV, 200),
    ("/predict/notes", LINES, NDJSON, 200),
]  # fmt: skip


@pytest.mark.parametrize(("target", "body", "headers", "status"), REFUSALS)
def test_both_roads_refuse_alike_what_is_outside_of_training(
    registry: Registry, bridge: Bridge, target: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    """Where the settings say so: the same rows with the same words, counted alike."""
    catalogue = load(registry, {"notes": 1}, "onnx")
    sent = {"host": "localhost", "content-length": str(len(body)), "x-request-id": "one-and-the-same", **headers}
    settings, found, counted = Settings(out_of_range="reject"), [], []
    for road in (by_edge, by_flask):
        plane = DataPlane(settings, catalogue, OnnxRuntimeBackend(catalogue, "cpu"), Metrics())
        app = create_app(plane, bridge)
        arguments = (app, plane, bridge) if road is by_edge else (app,)
        found.append(road(*arguments, "POST", target, sent, body))  # type: ignore[operator]
        samples = plane.metrics.out_of_range.collect()[0].samples
        counted.append({(one.labels["feature"], one.value) for one in samples if one.name.endswith("_total")})
        bridge.run(plane.backend.close())
    assert found[0] == found[1]
    assert found[0][0] == status
    assert counted[0] == counted[1]
    assert (b"; training had " in found[0][2]) == bool(counted[0])


def asks_for_a_word(app: Flask) -> None:
    """What a user may well add: a `before_request` that refuses, an `after_request` that marks."""

    @app.before_request
    def only_with_a_word() -> None:
        if request.headers.get("X-Word") != "please":
            abort(403)

    @app.after_request
    def mark(response: Response) -> Response:
        response.headers["X-Seen"] = "yes"
        return response


def wraps_the_app(app: Flask) -> None:
    """The same as a WSGI middleware."""
    inner = app.wsgi_app

    def outer(environ: Any, start_response: Any) -> Any:
        if environ.get("HTTP_X_WORD") != "please":
            start_response("403 FORBIDDEN", [("X-Seen", "yes")])
            return [b""]
        return inner(environ, lambda status, headers: start_response(status, [*headers, ("X-Seen", "yes")]))

    app.wsgi_app = outer  # type: ignore[method-assign]


def looks_at_the_path(app: Flask) -> None:
    """The same at a place that few know: where Flask has read the path, and at the very end."""

    @app.url_value_preprocessor
    def only_with_a_word(*_: Any) -> None:
        if request.headers.get("X-Word") != "please":
            abort(403)

    app.after_request(lambda response: response.headers.set("X-Seen", "yes") or response)


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/predict/notes", ROW, "application/json"),
        ("/v1/models/notes:predict", ROW, "application/json"),
        ("/v2/models/notes/infer", V2_JSON, "application/json"),
        ("/predict/notes", b"area,rooms,distance\n32,3,0.3\n", CSV["content-type"]),
        ("/predict/notes", LINES, NDJSON["content-type"]),
    ],
    ids=["json", "v1", "v2", "csv", "ndjson"],
)
@pytest.mark.parametrize("hook", [asks_for_a_word, wraps_the_app, looks_at_the_path])
def test_a_hook_of_the_user_sees_every_prediction(
    plane: DataPlane, bridge: Bridge, hook: Callable[[Flask], None], path: str, body: bytes, kind: str
) -> None:
    """Whatever someone puts around the app's requests is honoured on both roads, in every protocol."""
    app = create_app(plane, bridge)
    hook(app)
    for word, status in (("please", 200), ("now", 403)):
        headers = {"host": "localhost", "content-type": kind, "content-length": str(len(body)), "x-word": word}
        edge = by_edge(app, plane, bridge, "POST", path, headers, body)
        flask = by_flask(app, "POST", path, headers, body)
        assert (edge[0], flask[0]) == (status, status)
        assert (edge[1]["x-seen"], flask[1]["x-seen"]) == ("yes", "yes")


async def flush(plane: DataPlane) -> None:
    """On the loop, after what threads have asked of it."""
    plane.metrics.flush()


def test_both_roads_count_the_same(registry: Registry, bridge: Bridge) -> None:
    """A request is one request in the metrics, whichever way it took."""
    catalogue = load(registry, {"notes": 1}, "onnx")
    counted = []
    for road in (by_edge, by_flask):
        plane = DataPlane(Settings(), catalogue, OnnxRuntimeBackend(catalogue, "cpu"), Metrics())
        app = create_app(plane, bridge)
        headers = {"host": "localhost", "content-length": str(len(ROW))}
        for body in (ROW, b"{"):
            headers["content-length"] = str(len(body))
            arguments = (app, plane, bridge) if road is by_edge else (app,)
            road(*arguments, "POST", "/predict/notes", headers, body)  # type: ignore[operator]
        bridge.run(flush(plane))
        samples = [sample for family in plane.metrics.registry.collect() for sample in family.samples]
        counted.append(
            {
                (one.name, *sorted(one.labels.items())): one.value
                for one in samples
                if one.name.endswith(("_total", "_count"))
            }
        )
        bridge.run(plane.backend.close())
    assert counted[0] == counted[1]
    assert sum(value for key, value in counted[0].items() if key[0] == "mulgam_requests_total") == 2
