"""A caller that leaves before its answer: nothing more is computed for it, and it is counted, on every road."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from service.app import create_app
from service.bridge import Bridge
from service.edge import Edge
from service.http1.listener import Listener
from service.metrics.recording import Metrics
from service.offload import large
from service.plane import DataPlane
from service.settings import Settings
from service.telemetry.trace import Header, Trace, Tracing, fresh
from service.versions.served import Catalogue, Served
from tests.processes import free_port, wait_until
from tests.service.test_rpc import SERVICE, Waiting, listening, request, typed

SMALL = json.dumps({"instances": [[32, 3, 0.3]]}).encode()
LARGE = SMALL + b" " * 40_000


class Ends(Tracing):
    """The status at the end of each request's span."""

    def __init__(self) -> None:
        self.statuses: list[int] = []

    def begin(self, header: Header) -> Trace:
        """Every request is traced."""
        return fresh()

    def end(self, trace: Trace, served: Served, protocol: str, status: int, seconds: float) -> None:
        """Keep the status."""
        self.statuses.append(status)


class Road:
    """An edge before a backend that waits."""

    def __init__(self, catalogue: Catalogue, backend: Waiting, bridge: Bridge, **settings: Any) -> None:
        self.tracing, self.port = Ends(), free_port()
        self.plane = DataPlane(Settings(**settings), catalogue, backend, Metrics(), self.tracing)  # type: ignore[arg-type]
        self.edge = Edge(create_app(self.plane, bridge), self.plane)
        self.listener = Listener(self.edge, 5.0, 5.0)

    @property
    def inflight(self) -> int:
        """Requests that somebody works on."""
        return self.plane.metrics.inflight_now

    @contextmanager
    def asking(self, body: bytes, path: str = "/predict/notes") -> Iterator[None]:
        """A request is sent; its caller leaves at the end of the block."""
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(head + body)
            yield
        wait_until(lambda: not self.listener.connections, 5, "the caller's leaving is noticed")


Begin = Callable[..., Road]


@pytest.fixture
def waiting(plane: DataPlane) -> Waiting:
    """A backend that waits."""
    return Waiting(plane.backend)


@pytest.fixture
def begin(catalogue: Catalogue, waiting: Waiting, bridge: Bridge) -> Iterator[Begin]:
    """Starts a road; it is closed afterwards."""
    roads: list[Road] = []

    def start(**settings: Any) -> Road:
        road = Road(catalogue, waiting, bridge, **settings)
        roads.append(road)
        bridge.run(road.listener.start("127.0.0.1", road.port))
        return road

    yield start

    async def let_go() -> None:
        waiting.go.set()

    bridge.run(let_go())
    for road in roads:
        bridge.run(road.listener.finish())
        bridge.run(road.edge.close())


def counted(plane: DataPlane, bridge: Bridge, **labels: str) -> float:
    """Requests under code 499."""

    async def flush() -> None:
        plane.flush()

    bridge.run(flush())
    labels = {"model": "notes", "version": "1", "protocol": "json", "code": "499"} | labels
    return plane.metrics.registry.get_sample_value("mulgam_requests_total", labels) or 0.0


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["loop", "thread"])
def test_who_leaves_while_the_model_computes(begin: Begin, waiting: Waiting, bridge: Bridge, body: bytes) -> None:
    """Counted as 499, its span ended, in flight no more, though the backend is not done."""
    road = begin()
    with road.asking(body):
        wait_until(lambda: waiting.asked == 1, 5, "the backend is asked")
        assert road.inflight == 1
    wait_until(lambda: road.inflight == 0, 5, "nothing is in flight")
    wait_until(lambda: counted(road.plane, bridge) == 1, 5, "it is counted")
    assert road.tracing.statuses == [499]
    seconds = road.plane.metrics.registry.get_sample_value(
        "mulgam_request_seconds_count", {"model": "notes", "version": "1", "protocol": "json"}
    )
    assert not seconds  # nobody waited so long for an answer


def test_who_leaves_while_a_thread_reads_the_body(
    begin: Begin, waiting: Waiting, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread can't be stopped: it is in flight until it is done with that step, and leaves the next ones out."""
    road, reading, go, decode = begin(), threading.Event(), threading.Event(), large.decode

    def slowly(*arguments: Any) -> Any:
        reading.set()
        assert go.wait(10)
        return decode(*arguments)

    monkeypatch.setattr(large, "decode", slowly)
    with road.asking(LARGE):
        assert reading.wait(5)
    assert road.inflight == 1
    go.set()
    wait_until(lambda: road.inflight == 0, 5, "the thread is done")
    wait_until(lambda: counted(road.plane, bridge) == 1, 5, "it is counted")
    assert (waiting.asked, road.tracing.statuses) == (0, [499])


def test_who_leaves_before_a_thread_is_free(begin: Begin, waiting: Waiting, bridge: Bridge) -> None:
    """Never begun, and counted under no model: nobody has looked which one it is for."""
    road = begin(threads=1)
    with road.asking(LARGE):
        wait_until(lambda: waiting.asked == 1, 5, "the one thread is taken")
        with socket.create_connection(("127.0.0.1", road.port), 5) as second:
            second.sendall(b"GET /models HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: road.inflight == 2, 5, "it waits for the thread")
        wait_until(lambda: road.inflight == 1, 5, "it waits no more")
        assert counted(road.plane, bridge, model="none", version="none", protocol="http") == 1


def test_who_leaves_a_grpc_call(catalogue: Catalogue, waiting: Waiting, bridge: Bridge) -> None:
    """The same over gRPC."""
    tracing = Ends()
    plane = DataPlane(Settings(), catalogue, waiting, Metrics(), tracing)  # type: ignore[arg-type]
    with listening(plane, bridge) as channel:
        call = channel.unary_unary(f"{SERVICE}ModelInfer").future(request(typed()), timeout=10)
        wait_until(lambda: waiting.asked == 1, 5, "the backend is asked")
        call.cancel()
        wait_until(lambda: counted(plane, bridge, protocol="grpc") == 1, 5, "it is counted")
        assert (tracing.statuses, plane.metrics.inflight_now) == ([499], 0)
        bridge.loop.call_soon_threadsafe(waiting.go.set)
