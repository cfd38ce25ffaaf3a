"""W3C trace context: taken over strictly, passed on to the backend as a parent of its own, in logs and nowhere else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
from flask.testing import FlaskClient

from mulgam import tensors as v2
from mulgam.tensors import Arrays
from service.app import create_app
from service.backends.base import Backend
from service.backends.oip import OipBackend
from service.backends.remote import Remote
from service.backends.torchserve import TorchServeBackend
from service.bridge import Bridge
from service.metrics.recording import Metrics
from service.plane import DataPlane
from service.protocols.base import Output
from service.queueing.batcher import Batcher
from service.settings import Settings
from service.telemetry.trace import Trace, current, fresh, passed_on, taken
from service.versions.served import Catalogue
from tests.processes import free_port
from tests.service.fake_server import http, serving
from tests.service.test_rpc import infer as infer_by_grpc
from tests.service.test_rpc import listening, request, typed

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"  # pragma: allowlist secret
PARENT = f"00-{TRACE}-{SPAN}-01"
ROW = {"instances": [[32, 3, 0.3]]}


def of(parent: str | None, state: str | None = None) -> Trace | None:
    """The trace of a request with these headers."""
    return taken({"traceparent": parent, "tracestate": state}.get)


def test_a_callers_trace_is_taken_over() -> None:
    """Its id and whether it is sampled, with a span of our own below the caller's."""
    trace = of(PARENT, "vendor=1")
    assert trace is not None
    assert (trace.trace_id, trace.parent, trace.sampled) == (TRACE, SPAN, True)
    assert trace.span_id not in (SPAN, "0" * 16)
    assert trace.headers() == {"traceparent": f"00-{TRACE}-{trace.span_id}-01", "tracestate": "vendor=1"}
    unsampled = of(PARENT[:-1] + "0")
    assert unsampled is not None
    assert unsampled.headers()["traceparent"].endswith("-00")


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    """What follows after a hyphen is passed over."""
    for parent in (f"01-{TRACE}-{SPAN}-03-more", f"cc-{TRACE}-{SPAN}-01"):
        trace = of(parent)
        assert trace is not None
        assert (trace.trace_id, trace.sampled) == (TRACE, True)


@pytest.mark.parametrize(
    "parent",
    ["", "x", f"00-{TRACE}-{SPAN}", f"00-{TRACE}-{SPAN}-1", f"00-{TRACE}-{SPAN}-01-more", f"ff-{TRACE}-{SPAN}-01",
     f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{SPAN}-01", f" {PARENT}",
     f"{PARENT},{PARENT}", f"01-{TRACE}-{SPAN}-01more", f"00-{TRACE}-{SPAN}-01\n"],
)  # fmt: skip
def test_an_invalid_one_is_a_new_trace(parent: str) -> None:
    """Nothing of it is used, its state neither."""
    trace = of(parent, "vendor=1")
    assert trace is not None
    assert trace.trace_id != TRACE
    assert (trace.parent, trace.sampled, trace.state) == (None, False, None)


@pytest.mark.parametrize("state", ["", "x" * 513, "a=b\r\nX-Injected: yes", "ä=1"])
def test_a_state_that_can_not_be_a_header_is_dropped(state: str) -> None:
    """The trace goes on without it."""
    trace = of(PARENT, state)
    assert trace is not None
    assert list(trace.headers()) == ["traceparent"]


def test_without_a_header_there_is_none() -> None:
    """Nothing is made for requests that belong to no trace."""
    assert of(None) is None


@pytest.fixture(params=["oip", "torchserve"])
def sent(
    request: pytest.FixtureRequest, catalogue: Catalogue, bridge: Bridge
) -> Iterator[tuple[FlaskClient, list[bytes]]]:
    """A client of the app over a backend that is another process, and the requests which that one got."""
    length, body = v2.encode("outputs", {"prediction": np.float32([5.3])}, {"digest": catalogue.find("notes").digest})
    reply = http(200, body, f"{v2.LENGTH_HEADER}: {length}\r\n")
    folder = request.getfixturevalue("tmp_path")
    where = free_port() if request.param == "oip" else folder / "s"
    server = serving(where, lambda number, message: reply)
    requests = bridge.run(server.__aenter__())
    backend: Backend = (
        OipBackend(Remote((("127.0.0.1", where),), {})) if isinstance(where, int) else TorchServeBackend(str(where))
    )
    plane = DataPlane(Settings(), catalogue, backend, Metrics())
    yield create_app(plane, bridge).test_client(), requests
    bridge.run(backend.close())
    bridge.run(server.__aexit__(None, None, None))


def parents(requests: list[bytes]) -> list[str | None]:
    """The `traceparent` of each request."""
    lines = [message.partition(b"\r\n\r\n")[0].decode().split("\r\n") for message in requests]
    return [next((one[13:] for one in head if one.startswith("traceparent: ")), None) for head in lines]


def test_the_backend_is_told_and_the_caller_is_not(sent: tuple[FlaskClient, list[bytes]]) -> None:
    """The same trace, our span as parent; nothing for a request without a trace, also after one with."""
    client, requests = sent
    answer = client.post("/predict/notes", json=ROW, headers={"traceparent": PARENT})
    assert answer.status_code == 200
    assert not [name for name, _ in answer.headers.items() if name.lower().startswith("trace")]
    assert client.post("/predict/notes", json=ROW).status_code == 200
    first, second = parents(requests)
    assert first is not None
    assert first.startswith(f"00-{TRACE}-")
    assert SPAN not in first
    assert second is None


def test_a_table_passes_its_trace_on(sent: tuple[FlaskClient, list[bytes]]) -> None:
    """With each batch; a table without one names none."""
    client, requests = sent
    table = "area,rooms,distance\n1,2,3\n"
    assert client.post("/predict/notes", data=table, content_type="text/csv", headers={"traceparent": PARENT}).data
    assert client.post("/predict/notes", data="[1,2,3]", content_type="application/x-ndjson").data
    first, second = parents(requests)
    assert first is not None
    assert first.startswith(f"00-{TRACE}-")
    assert second is None


def test_a_batch_belongs_to_its_oldest_trace() -> None:
    """One call of the backend can name one parent; a later batch without traces names none."""
    told: list[dict[str, str]] = []
    go = asyncio.Event()

    async def run(tensors: Arrays, timeout: float) -> Output:
        told.append(passed_on())
        await go.wait()
        return np.zeros(len(tensors["x"]), np.float32)

    async def ask(batcher: Batcher, trace: Trace | None) -> None:
        current.set(trace)
        await batcher.submit({"x": np.zeros((1, 1), np.float32)}, 1, 5)

    async def session() -> None:
        batcher = Batcher(run, 1, 1, 100, 100, lambda seconds: None, lambda: None)
        first = asyncio.create_task(ask(batcher, None))
        while not told:
            await asyncio.sleep(0)
        rest = [asyncio.create_task(ask(batcher, trace)) for trace in (None, older, younger)]
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(first, *rest)
        await ask(batcher, None)

    older, younger = fresh(), fresh()
    asyncio.run(session())
    assert told == [{}, older.headers(), {}]


def trace_ids(caplog: pytest.LogCaptureFixture) -> list[str | None]:
    """Of the lines about refused requests."""
    return [getattr(record, "trace_id", None) for record in caplog.records if record.msg.startswith("refused")]


def test_every_line_about_a_request_names_its_trace(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    """Wrong predictions, wrong paths; without a trace the field is absent."""
    with caplog.at_level(logging.INFO):
        client.post("/predict/notes", json={}, headers={"traceparent": PARENT})
        client.get("/nope", headers={"traceparent": PARENT})
        client.post("/predict/notes", json={})
    assert trace_ids(caplog) == [TRACE, TRACE, None]


def test_a_defect_names_its_trace(
    steered_plane: DataPlane, steered_client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The line with the traceback."""
    steered_plane.backend.spoil = lambda served, answer: ValueError("x")  # type: ignore[attr-defined]
    assert steered_client.post("/predict/notes", json=ROW, headers={"traceparent": PARENT}).status_code == 500
    (record,) = [record for record in caplog.records if record.exc_info]
    assert record.trace_id == TRACE  # type: ignore[attr-defined]


def test_over_grpc_it_is_metadata(plane: DataPlane, bridge: Bridge, caplog: pytest.LogCaptureFixture) -> None:
    """As OpenTelemetry's gRPC instrumentation sends it."""
    with caplog.at_level(logging.INFO), listening(plane, bridge) as channel:
        for message in (request(), request(typed(), model="nope")):
            with pytest.raises(grpc.RpcError):
                infer_by_grpc(channel, message, traceparent=PARENT)
    assert trace_ids(caplog) == [TRACE, TRACE]
