"""SIGTERM loses nothing: not ready first, then answers with `Connection: close`, then the end of what is in hand."""

from __future__ import annotations

import http.client
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from mulgam.registry import Registry
from service.rpc import open_inference_pb2 as messages
from tests.builders import NOTES_ROWS
from tests.callers import calling, post
from tests.processes import Serving, call, free_port, predict, serving, wait_until

pytestmark = pytest.mark.live

DELAY = 1.5
REQUEST = post("/predict/notes", {"instances": [list(row) for row in NOTES_ROWS]})


@pytest.fixture(params=["onnxruntime", "torchserve"])
def service(request: pytest.FixtureRequest, registry: Registry, tmp_path: Path) -> Iterator[Serving]:
    """A ready service over each backend, with two gateways over the quick one."""
    settings = {"gateways": "2"} if request.param == "onnxruntime" else {}
    with serving(registry.root, tmp_path, backend=request.param, drain_delay=str(DELAY), **settings) as service:
        yield service


def test_no_request_is_lost(service: Serving) -> None:
    """Persistent and fresh connections, sent to the service for as long as its readiness says that it may be."""
    is_open = threading.Event()
    is_open.set()
    with calling(lambda: [service.port] if is_open.is_set() else [], REQUEST) as outcome:
        wait_until(lambda: len(outcome.answers) > 100, 30, "load")
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not service.is_ready(), 5, "readiness says no")
        said_no = time.monotonic()
        asked_before = len(outcome.answers)
        time.sleep(DELAY / 2)  # a load balancer takes its time to notice
        is_open.clear()
        assert service.process.wait(40) == 0
    assert outcome.failed == []
    late = [answer for answer in outcome.answers[asked_before:] if answer.at > said_no + 0.2]
    assert late
    assert all(answer.headers.get("connection") == "close" for answer in late)


def test_what_is_in_hand_is_finished_also_over_grpc(registry: Registry, tmp_path: Path) -> None:
    """While it drains, both listeners take requests; the public readiness says no; then nobody listens any more."""
    rpc_port = free_port()
    settings = {"backend": "onnxruntime", "drain_delay": "2", "grpc_port": str(rpc_port)}
    with serving(registry.root, tmp_path, **settings) as service:
        with grpc.insecure_channel(f"127.0.0.1:{rpc_port}") as channel:
            ask = channel.unary_unary(
                "/inference.GRPCInferenceService/ServerReady",
                messages.ServerReadyRequest.SerializeToString,
                messages.ServerReadyResponse.FromString,
            )
            assert ask(messages.ServerReadyRequest(), timeout=5).ready
            service.process.send_signal(signal.SIGTERM)
            wait_until(lambda: call(service.port, "GET", "/readyz").status == 503, 5, "the public readiness says no")
            assert predict(service.port, "notes", [list(NOTES_ROWS[0])]).status == 200
            assert call(service.port, "GET", "/v2/health/ready").status == 503
            assert not ask(messages.ServerReadyRequest(), timeout=5).ready
        assert service.process.wait(30) == 0


def table_under_way(service: Serving) -> http.client.HTTPConnection:
    """A table whose first row is sent, its second not yet."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    connection.putrequest("POST", "/predict/notes")
    connection.putheader("Content-Type", "text/csv")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    connection.send(b"1d\r\narea,rooms,distance\n32,3,0.3\n\r\n")
    wait_until(lambda: bool(connection.sock.recv(1, socket.MSG_PEEK)), 10, "the first answer")
    return connection


@pytest.mark.parametrize("patient", [True, False])
def test_a_table_under_way_is_finished_or_told(registry: Registry, tmp_path: Path, patient: bool) -> None:
    """Within the grace the rest of a table is answered; beyond it the last row says why it is the last."""
    settings = {"backend": "onnxruntime", "drain_delay": "0.2", "grace": "15" if patient else "2"}
    with serving(registry.root, tmp_path, **settings) as service:
        connection = table_under_way(service)
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not is_listening(service.port), 10, "no new connection is taken")
        if patient:
            connection.send(b"9\r\n33,3,0.5\n\r\n0\r\n\r\n")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        assert service.process.wait(20) == 0
    assert lines[:2] == ["prediction,error", "5.3,"]
    if patient:
        assert lines[2:] == ["6.2,"]
    else:
        assert len(lines) == 3
        assert "SERVICE_STOPPING" in lines[2]


@pytest.mark.parametrize("numbers", [(signal.SIGINT,), (signal.SIGTERM, signal.SIGTERM)])
def test_ctrl_c_and_a_second_signal_do_not_wait(registry: Registry, tmp_path: Path, numbers: tuple[int, ...]) -> None:
    """A person at a terminal is no load balancer."""
    with serving(registry.root, tmp_path, backend="onnxruntime", drain_delay="60") as service:
        for number in numbers:
            service.process.send_signal(number)
            wait_until(lambda: not service.is_ready(), 5, "the signal is taken")
        assert service.process.wait(15) == 0


def is_listening(port: int) -> bool:
    """Whether a new connection is taken."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
