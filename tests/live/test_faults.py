"""Faults of the real TorchServe behind the gateway: what callers notice of them, and for how long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mulgam.registry import Registry
from tests.builders import NOTES_ROWS
from tests.callers import calling, post
from tests.processes import Serving, call, predict, serving, wait_until

pytestmark = pytest.mark.live

ROWS = [list(row) for row in NOTES_ROWS]
REQUEST = post("/predict/notes", {"instances": ROWS})


@pytest.fixture
def one_model(registry: Registry, tmp_path: Path) -> Path:
    """A registry of `notes` alone: its workers are all there are."""
    root = tmp_path / "registry"
    root.mkdir()
    (root / "notes").symlink_to(registry.root / "notes")
    return root


@pytest.fixture
def service(one_model: Path, tmp_path: Path) -> Iterator[Serving]:
    """The service over one worker, with a short deadline."""
    with serving(one_model, tmp_path, request_timeout="3") as service:
        yield service


def workers(service: Serving) -> list[psutil.Process]:
    """TorchServe's workers."""
    return service.descendants("model_service_worker")


def test_a_killed_worker_of_two_costs_no_request(one_model: Path, tmp_path: Path) -> None:
    """kill -9 under load: what it had in hand is computed by the other one."""
    with serving(one_model, tmp_path, torchserve_workers="2") as service:
        with calling(lambda: [service.port], REQUEST, persistent=6, fresh=2) as outcome:
            wait_until(lambda: len(outcome.answers) > 200, 60, "load")
            workers(service)[0].kill()
            wait_until(lambda: len(workers(service)) == 2, 30, "a new worker")
        assert outcome.failed == []
        text = call(service.admin_port, "GET", "/metrics").body.decode()
        assert 'mulgam_breaker_open{model="notes",version="1"} 0.0' in text


def test_a_stopped_worker_is_found_out_and_left_alone(service: Serving) -> None:
    """SIGSTOP of the only one: 504 at the deadline, not ready, the breaker spares callers the wait; all heals."""
    (worker,) = workers(service)
    assert predict(service.port, "notes", ROWS).status == 200
    worker.suspend()
    first: list[tuple[int, float]] = []

    def ask() -> None:
        began = time.monotonic()
        first.append((predict(service.port, "notes", ROWS).status, time.monotonic() - began))

    caller = threading.Thread(target=ask)
    caller.start()
    wait_until(lambda: not service.is_ready(), 15, "readiness tells the truth")
    caller.join()
    assert first[0][0] == 504
    assert first[0][1] >= 3

    def is_open() -> bool:
        reply = service.readyz()
        return reply is not None and reply.json["models"]["notes"]["breaker"] == "open"

    wait_until(is_open, 30, "the breaker opens")
    began = time.monotonic()
    refused = predict(service.port, "notes", ROWS)
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert time.monotonic() - began < 2
    if worker.is_running():  # TorchServe may have replaced it
        worker.resume()
    service.wait_ready(30)
    assert predict(service.port, "notes", ROWS).status == 200
