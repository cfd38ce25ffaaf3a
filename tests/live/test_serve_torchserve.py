"""The whole service with the real TorchServe: answers, faults, the end."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from mulgam.registry import Registry
from tests.builders import NOTES_ROWS
from tests.processes import Serving, call, predict, serving, wait_until

pytestmark = pytest.mark.live

ROWS = [list(row) for row in NOTES_ROWS]
WORKED = [5.3, 6.2, 6.8]


@pytest.fixture(scope="module", params=["torchscript", "onnx"])
def service(
    request: pytest.FixtureRequest, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    """A ready service over TorchServe with each runtime."""
    with serving(registry.root, tmp_path_factory.mktemp("serve"), runtime=request.param) as service:
        yield service


def test_the_worked_prices_come_over_http(service: Serving) -> None:
    """The lecture notes' houses: 5.3, 6.2, 6.8."""
    reply = predict(service.port, "notes", ROWS)
    assert reply.status == 200
    assert reply.json["predictions"] == pytest.approx(WORKED, abs=1e-5)


def test_the_answer_names_the_files_that_the_handler_loaded(service: Serving, registry: Registry) -> None:
    """The digest travels from the archive through the handler to the caller."""
    assert predict(service.port, "notes", ROWS).headers["x-model-digest"] == registry.entry("notes", 1).digest


def test_many_callers_each_get_their_own_answer(service: Serving) -> None:
    """200 requests, 16 at a time, good and bad mixed: TorchServe batches them, nobody gets another's answer."""

    def ask(number: int) -> None:
        if number % 7 == 0:
            assert predict(service.port, "notes", [[number, 3]]).status == 400
            return
        reply = predict(service.port, "notes", [[number, 3, 0.3], [0, 0, number]])
        assert reply.status == 200
        assert reply.json["predictions"] == pytest.approx([number * 0.1 + 0.9 + 1.2, number * 4], rel=1e-5)

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(ask, range(200)))


def test_missing_values_and_classes_work_through(service: Serving) -> None:
    """null is imputed in the graph; probabilities sum to 1."""
    assert predict(service.port, "notes", [[None, 3, 0.3]]).json["predictions"] == pytest.approx([5.4], abs=1e-5)
    (answer,) = predict(service.port, "shapes", [[1, 2, None]], "?probabilities=all").json["predictions"]
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_only_the_gateway_and_health_can_be_reached_by_http(service: Serving) -> None:
    """TorchServe listens on private Unix sockets; what else it opens is gRPC, on loopback only."""
    listening = [
        connection.laddr
        for process in (psutil.Process(service.process.pid), *service.descendants())
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert {service.port, service.admin_port} <= {address.port for address in listening}
    assert len({address.port for address in listening}) <= 4


def test_metrics_of_the_gateway_are_on_the_admin_listener(service: Serving) -> None:
    """The supervisor shows what the gateway process counted, and each model's readiness."""
    predict(service.port, "notes", ROWS)

    def shown(series: str) -> bool:
        return series in call(service.admin_port, "GET", "/metrics").body.decode()

    assert shown('mulgam_ready{model="notes"} 1.0')
    counted = 'mulgam_requests_total{code="200",model="notes",protocol="json",version="1"}'
    wait_until(lambda: shown(counted), 2, "the gateway brings its figures up to date")
    # TorchServe's own, golden replays among them.
    assert shown('mulgam_torchserve_requests_total{model="notes",version="1"}')
    assert shown('mulgam_torchserve_queue_seconds_total{model="notes",version="1"}')


def test_a_killed_java_comes_back(service: Serving) -> None:
    """kill -9 of TorchServe: 503 meanwhile, not ready within 5 s, whole again within 15 s, no orphan worker."""
    (java,) = service.descendants("org.pytorch.serve.ModelServer")
    workers = service.descendants("model_service_worker")
    java.kill()
    wait_until(lambda: not service.is_ready(), 5, "readiness tells the truth")
    assert predict(service.port, "notes", ROWS).status == 503
    service.wait_ready(15)
    assert predict(service.port, "notes", ROWS).status == 200
    assert not [worker for worker in workers if worker.is_running()]


def test_a_killed_gateway_comes_back(service: Serving) -> None:
    """kill -9 of the gateway process: the admin listener says so, and it is whole again within 5 s."""
    (gateway,) = service.descendants("service.gateway")
    gateway.kill()
    wait_until(lambda: not service.is_ready(), 5, "readiness tells the truth")
    assert call(service.admin_port, "GET", "/livez").status == 200
    service.wait_ready(5)
    assert predict(service.port, "notes", ROWS).status == 200


@pytest.mark.beside
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything(registry: Registry, tmp_path: Path, number: int) -> None:
    """SIGTERM and Ctrl-C: exit status 0, no process and no folder left behind."""
    with serving(registry.root, tmp_path, drain_delay="0.2") as service:
        assert len(service.descendants()) >= 4
        assert service.stop(number) == 0
        wait_until(lambda: not service.orphans(), 5, "no orphan")
        assert not list(service.folder.glob("mulgam-*"))


@pytest.mark.beside
def test_a_killed_supervisor_leaves_nothing_running(registry: Registry, tmp_path: Path) -> None:
    """kill -9 of the supervisor: TorchServe and the gateway end by themselves."""
    with serving(registry.root, tmp_path) as service:
        assert len(service.descendants()) >= 4
        service.stop(signal.SIGKILL)
        wait_until(lambda: not service.orphans(), 15, "no orphan")


@pytest.mark.beside
def test_two_services_run_side_by_side(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each has its own ports, sockets and folders."""
    with (
        serving(registry.root, tmp_path_factory.mktemp("one")) as one,
        serving(registry.root, tmp_path_factory.mktemp("two")) as two,
    ):
        assert predict(one.port, "notes", ROWS).status == predict(two.port, "notes", ROWS).status == 200


def test_curl_from_the_greeting_works(service: Serving) -> None:
    """The line that is printed to paste gives an answer."""
    output = service.output()
    command = output[output.index("  curl ") :].split("\n{")[0].strip()
    answer = subprocess.run(["bash", "-c", f"{command} -s"], capture_output=True, text=True, check=True, timeout=30)
    assert '"predictions":[' in answer.stdout
