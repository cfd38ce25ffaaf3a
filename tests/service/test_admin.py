"""The admin listener: health with its causes and metrics, in the one shape, whatever the gateway does."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry, Counter, values

from mulgam.errors import MulgamError
from service.metrics.files import FILES_VARIABLE
from service.process.status import Status
from service.resilience.readiness import State
from service.settings import Settings
from service.supervisor.admin import AdminListener, create_admin_app
from service.supervisor.causes import told
from service.supervisor.overview import Overview
from tests.processes import call, free_port, wait_until


@pytest.fixture
def overview() -> Overview:
    """A service that was started, one model of two well."""
    states = {"notes": State(True), "shapes": State(False, "an answer lies 0.01 from the stored one")}
    overview = Overview(("notes", "shapes"), grace=60.0, started=True)
    overview.statuses[0] = Status(states, time.monotonic(), broken=("shapes",))
    return overview


@pytest.fixture
def client(overview: Overview) -> FlaskClient:
    """Flask's client on the admin app."""
    return create_admin_app(overview, Settings()).test_client()


def test_a_cause_shows_no_folder(client: FlaskClient, overview: Overview) -> None:
    """Files of the registry stand as they do in it, others by their names; what is no file is left as it is."""
    root = Settings().registry
    overview.refused = {
        "notes": f"{root}/notes/2/model.onnx is not the file that was published.",
        "shapes shadow": "/data/x/3 is signed with a key that is none of /etc/keys/ours.pub.",
    }
    assert client.get("/readyz").json["refused"] == {
        "notes": f"{root}/notes/2/model.onnx is not the file that was published.",
        "shapes shadow": "3 is signed with a key that is none of ours.pub.",
    }
    absolute = Path("/srv/all models")
    assert told(f"{absolute}/notes/2/a.onnx is damaged.", absolute) == "notes/2/a.onnx is damaged."
    assert told("http://10.0.0.1:8000/v2/models gave 1/2", absolute) == "http://10.0.0.1:8000/v2/models gave 1/2"


def test_it_is_alive_while_the_gateway_speaks(client: FlaskClient, overview: Overview) -> None:
    """503 after a silence that is longer than the grace."""
    answer = client.get("/livez")
    assert (answer.status_code, answer.json) == (200, {"status": "alive"})
    overview.statuses[0] = Status()
    overview.began = time.monotonic() - 61
    answer = client.get("/livez")
    assert (answer.status_code, answer.json) == (503, {"status": "not alive"})


def test_readiness_shows_each_model_with_its_cause(client: FlaskClient, overview: Overview) -> None:
    """Here, unlike on the public port, the operator is told why."""
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {
        "status": "ready",
        "models": {
            "notes": {"ready": True, "cause": None, "breaker": "closed"},
            "shapes": {"ready": False, "cause": "an answer lies 0.01 from the stored one", "breaker": "open"},
        },
        "refused": {},
    }
    overview.stopping = True
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"], answer.headers["Retry-After"]) == (503, "not ready", "1")
    assert answer.json["models"]["notes"]["cause"] == "the service is stopping"


def test_metrics_show_each_models_readiness(client: FlaskClient, overview: Overview) -> None:
    """From the present state, though no gateway process is there."""
    answer = client.get("/metrics")
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    text = answer.get_data(as_text=True)
    assert 'mulgam_ready{model="notes"} 1.0\n' in text
    assert 'mulgam_ready{model="shapes"} 0.0\n' in text
    overview.statuses[0] = Status()
    assert 'mulgam_ready{model="notes"} 0.0\n' in client.get("/metrics").get_data(as_text=True)


def test_metrics_show_what_a_gateway_process_wrote(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counters are read from files: they are there though the process hangs or is gone."""
    monkeypatch.setenv(FILES_VARIABLE, str(tmp_path))
    monkeypatch.setattr(values, "ValueClass", values.MultiProcessValue(lambda: 4711))
    Counter("mulgam_test", "x", registry=CollectorRegistry()).inc(3)
    assert list(tmp_path.glob("counter_4711.db"))
    assert "mulgam_test_total 3.0\n" in client.get("/metrics").get_data(as_text=True)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "NOT_FOUND"),
        ("GET", "/predict/notes", 404, "NOT_FOUND"),
        ("POST", "/livez", 405, "METHOD_NOT_ALLOWED"),
        ("BREW", "/livez", 501, "NOT_IMPLEMENTED"),
    ],
)
def test_errors_have_the_one_shape(client: FlaskClient, method: str, path: str, status: int, code: str) -> None:
    """As on the public port: a sentence, a code, the request id."""
    answer = client.open(path, method=method, headers={"X-Request-Id": "mine-1"})
    assert (answer.status_code, answer.json["code"], answer.json["request_id"]) == (status, code, "mine-1")
    assert answer.headers["X-Request-Id"] == "mine-1"


def test_nothing_that_is_asked_is_counted(client: FlaskClient) -> None:
    """Probes of the admin listener are not requests of the service."""
    client.get("/livez")
    assert "mulgam_requests" not in client.get("/metrics").get_data(as_text=True)


@pytest.fixture
def port(overview: Overview) -> Iterator[int]:
    """The port of a listener that answers."""
    port = free_port()
    listener = AdminListener(overview, Settings(admin_port=port))
    listener.start()
    wait_until(lambda: call(port, "GET", "/livez").status == 200, 5, "the admin listener answers")
    yield port
    listener.close()


def test_it_answers_on_its_port(port: int) -> None:
    """By HTTP; what it says of its software is our name alone."""
    answer = call(port, "GET", "/readyz")
    assert (answer.status, answer.json["status"], answer.headers["server"]) == (200, "ready", "mulgam")


HALVES = (b"GET /live", b"POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")


@pytest.mark.parametrize("half", HALVES)
def test_slow_clients_hold_nobody_up(port: int, half: bytes) -> None:
    """Hundreds of connections that stop in mid-request: probes are answered all the same, and each is cut off."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 5)) for _ in range(300)]
        for connection in held:
            connection.sendall(half)
        assert call(port, "GET", "/livez", timeout=2).status == 200
        for connection in held:
            connection.settimeout(10)
            assert connection.recv(100) == b""


def test_it_stops_in_silence(overview: Overview, caplog: pytest.LogCaptureFixture) -> None:
    """Again and again, with connections open: no exception in its thread, the port is free, nothing is left open."""
    port = free_port()
    for _ in range(10):
        listener = AdminListener(overview, Settings(admin_port=port))
        listener.start()
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
            listener.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "admin"]
    gc.collect()  # what was left open would warn now, and a warning is an error here
    assert caplog.records == []


def test_a_taken_port_is_said(overview: Overview) -> None:
    """With the variable that changes it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(MulgamError, match=f"The port {port} on 127.0.0.1 is taken; .* ADMIN_PORT=…"):
            AdminListener(overview, Settings(admin_port=port))
