"""Spans reach a collector as it wants them, and no request waits for one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from flask.testing import FlaskClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from mulgam.errors import MulgamError
from service.app import create_app
from service.bridge import Bridge
from service.plane import DataPlane
from service.telemetry.otlp import OtlpTracing
from tests.processes import free_port
from tests.service.conftest import SteeredBackend
from tests.service.test_rpc import infer as infer_by_grpc
from tests.service.test_rpc import listening, request, typed

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"  # pragma: allowlist secret
ROW = {"instances": [[32, 3, 0.3]]}


class Collector(HTTPServer):
    """A collector that keeps what it gets."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Any] = []
        self.services: set[str] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        collector: Any = self.server
        if self.path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                collector.services |= {attributes(resource.resource)["service.name"]}
                collector.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


def attributes(owner: Any) -> dict[str, Any]:
    """The attributes of a span or a resource."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in owner.attributes}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of the machine stands between."""
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A listening collector."""
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture
def traced(steered_plane: DataPlane, collector: Collector, bridge: Bridge) -> FlaskClient:
    """A client of an app that reports to the collector."""
    steered_plane.tracing = OtlpTracing(collector.endpoint)
    return create_app(steered_plane, bridge).test_client()


def test_a_prediction_is_a_span_below_the_callers(
    traced: FlaskClient, steered_plane: DataPlane, collector: Collector
) -> None:
    """With model, version, protocol and status, and the time that it took."""
    traced.post("/predict/notes", json=ROW, headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    steered_plane.tracing.close()
    (span,) = collector.spans
    assert (span.name, span.trace_id.hex(), span.parent_span_id.hex()) == ("predict notes", TRACE, SPAN)
    assert attributes(span) == {
        "mulgam.model": "notes", "mulgam.version": 1, "mulgam.protocol": "json", "http.response.status_code": 200,
    }  # fmt: skip
    assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < 10e9
    assert collector.services == {"mulgam"}


def test_what_begins_here_is_reported_and_what_the_caller_does_not_sample_is_not(
    traced: FlaskClient, steered_plane: DataPlane, collector: Collector
) -> None:
    """A request without a header, or with an invalid one, is a trace of its own."""
    for headers in ({}, {"traceparent": "nonsense"}, {"traceparent": f"00-{TRACE}-{SPAN}-00"}):
        traced.post("/v1/models/notes:predict", json=ROW, headers=headers)
    steered_plane.tracing.close()
    assert len({span.trace_id for span in collector.spans}) == 2
    assert [(span.parent_span_id, attributes(span)["mulgam.protocol"]) for span in collector.spans] == [(b"", "v1")] * 2


def test_faults_and_refusals_are_spans_too(
    traced: FlaskClient, steered_plane: DataPlane, steered: SteeredBackend, collector: Collector, bridge: Bridge
) -> None:
    """A fault of ours is an error, a mistake of the caller is none; over gRPC as over HTTP."""
    traced.post("/predict/notes", json={})
    steered.spoil = lambda served, answer: ValueError("x")
    traced.post("/predict/notes", json=ROW)
    steered.spoil = lambda served, answer: answer
    with listening(steered_plane, bridge) as channel:
        infer_by_grpc(channel, request(typed()), traceparent=f"00-{TRACE}-{SPAN}-01")
    steered_plane.tracing.close()
    found = [(attributes(span)["http.response.status_code"], span.status.code) for span in collector.spans]
    assert found == [(400, 0), (500, 2), (200, 0)]
    assert collector.spans[2].trace_id.hex() == TRACE


def test_a_table_is_a_span_too(traced: FlaskClient, steered_plane: DataPlane, collector: Collector) -> None:
    """From its beginning to its end, also where it is refused."""
    parent = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    for table in ("area,rooms,distance\n1,2,3\n", "nope\n"):
        assert traced.post("/predict/notes", data=table, content_type="text/csv", headers=parent).data
    steered_plane.tracing.close()
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE}
    found = [(attributes(span)["mulgam.protocol"], attributes(span)["http.response.status_code"])
             for span in collector.spans]  # fmt: skip
    assert found == [("csv", 200), ("csv", 400)]


def test_a_collector_that_is_not_there_hurts_nobody(steered_plane: DataPlane, bridge: Bridge) -> None:
    """Answers come as before, and the gateway ends in time."""
    steered_plane.tracing = OtlpTracing(f"http://127.0.0.1:{free_port()}")
    client = create_app(steered_plane, bridge).test_client()
    assert client.post("/predict/notes", json=ROW).status_code == 200
    closing = threading.Thread(target=steered_plane.tracing.close)
    closing.start()
    closing.join(10)
    assert not closing.is_alive()


def test_an_endpoint_that_is_none_is_said() -> None:
    """With what it must be."""
    with pytest.raises(MulgamError, match="must be http://host:port of a collector"):
        OtlpTracing("127.0.0.1:4318")
