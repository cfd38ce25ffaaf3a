"""One deadline for all steps of a request, from when it was whole: waiting for a thread and reading count."""

from __future__ import annotations

import time
from typing import Any

import grpc
import pytest
from flask.testing import FlaskClient

from mulgam.tensors import Arrays
from service.app import create_app
from service.backends.base import Answer
from service.bridge import Bridge
from service.errors import backend_late
from service.metrics.recording import Metrics
from service.offload import large
from service.plane import DataPlane
from service.queueing.deadline import Deadline
from service.rpc import calls
from service.settings import Settings
from service.versions.served import Catalogue, Served
from service.wsgi import RECEIVED
from tests.service.conftest import SteeredBackend
from tests.service.test_rpc import listening, refused, request, typed

ROW = {"instances": [[32, 3, 0.3]]}
STEP = 0.2


class Timed(SteeredBackend):
    """Keeps the seconds that it was given."""

    timeouts: list[float]

    async def predict(self, served: Served, tensors: Arrays, timeout: float) -> Answer:
        """The real answer."""
        self.timeouts.append(timeout)
        return await super().predict(served, tensors, timeout)


@pytest.fixture
def timed(plane: DataPlane) -> Timed:
    """A backend that keeps the seconds that it was given."""
    backend = Timed(plane.backend)
    backend.timeouts = []
    return backend


@pytest.fixture
def timed_client(catalogue: Catalogue, timed: Timed, bridge: Bridge) -> FlaskClient:
    """The app over it."""
    return create_app(DataPlane(Settings(), catalogue, timed, Metrics()), bridge).test_client()  # type: ignore[arg-type]


def slow(monkeypatch: pytest.MonkeyPatch, place: Any, name: str) -> None:
    """Have a step take its time."""
    step = getattr(place, name)

    def slowly(*arguments: Any) -> Any:
        time.sleep(STEP)  # the point of the test: the step takes so long
        return step(*arguments)

    monkeypatch.setattr(place, name, slowly)


def post(client: FlaskClient, seconds: str, waited: float = 0.0) -> Any:
    """A request that was whole some time ago."""
    environ = {RECEIVED: time.perf_counter() - waited}
    return client.post("/predict/notes", json=ROW, headers={"X-Request-Timeout": seconds}, environ_overrides=environ)


def test_who_waited_for_a_thread_too_long_is_late(timed_client: FlaskClient, timed: Timed) -> None:
    """504 at once, and nothing is computed."""
    answer = post(timed_client, "0.5", waited=0.6)
    assert (answer.status_code, answer.json["code"]) == (504, "DEADLINE_EXCEEDED")
    assert "the 0.5 s it may take" in answer.json["error"]
    assert timed.timeouts == []


def test_the_model_gets_what_is_left(timed_client: FlaskClient, timed: Timed, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the wait for a thread and the reading."""
    slow(monkeypatch, large, "decode")
    assert post(timed_client, "5", waited=1.0).status_code == 200
    assert timed.timeouts[0] <= 5 - 1 - STEP


def test_who_is_late_is_told_the_whole_time(timed_client: FlaskClient, timed: Timed) -> None:
    """Not what was left of it for the step that took too long."""
    timed.spoil = lambda served, answer: backend_late(3.2)
    assert "the 5 s it may take" in post(timed_client, "5", waited=1.0).json["error"]


def test_a_read_that_takes_all_the_time_is_the_last_step(
    timed_client: FlaskClient, timed: Timed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is not asked for what nobody may wait for."""
    slow(monkeypatch, large, "decode")
    assert post(timed_client, str(STEP / 2)).status_code == 504
    assert timed.timeouts == []


def test_grpc_has_one_deadline_too(
    catalogue: Catalogue, timed: Timed, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a caller's, that of the service, for all steps together."""
    monkeypatch.setattr(calls, "LOOP_BYTES", -1)
    slow(monkeypatch, calls.v2_grpc, "decode")
    settings = Settings(request_timeout=1.5 * STEP)
    plane = DataPlane(settings, catalogue, timed, Metrics())  # type: ignore[arg-type]
    with listening(plane, bridge) as channel:
        slow(monkeypatch, calls.v2_grpc, "asked")
        assert refused(channel, request(typed()), timeout=None) == (
            grpc.StatusCode.DEADLINE_EXCEEDED,
            "DEADLINE_EXCEEDED",
        )
    assert timed.timeouts == []


def test_a_deadline_that_is_over_leaves_nothing() -> None:
    """Each step is asked for what is left, and the first one too many is refused."""
    assert 0 < Deadline(5, time.perf_counter()).left() <= 5
    with pytest.raises(type(backend_late(5)), match="the 5 s"):
        Deadline(5, time.perf_counter() - 5).left()
