"""Canary and shadow in one process: who answers, who takes over where the canary is not well, who hears the shadow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from mulgam.registry import Registry
from mulgam.serving import Choice
from service.app import create_app
from service.backends.base import Answer
from service.backends.onnxruntime import OnnxRuntimeBackend
from service.bridge import Bridge
from service.errors import backend_unavailable
from service.metrics.recording import Metrics
from service.plane import DataPlane
from service.process.following import adopt
from service.settings import Settings
from service.shadow import shadowing
from service.versions.served import Served, load
from tests.processes import wait_until
from tests.service.conftest import SteeredBackend

ROW = {"instances": [[10, 0, 0]]}


class Trials:
    """`notes` 1 (0.1 for each pyeong), and beside it 2 (0.2), which allows no missing value."""

    def __init__(self, registry: Registry, bridge: Bridge) -> None:
        catalogue = load(registry, {"notes": 1}, "onnx")
        self.own = OnnxRuntimeBackend(catalogue, "cpu")
        self.backend = SteeredBackend(self.own)
        self.backend.prepare, self.backend.release = self.own.prepare, self.own.release  # type: ignore[attr-defined]
        self.plane = DataPlane(Settings(request_timeout=1), catalogue, self.backend, Metrics())  # type: ignore[arg-type]
        self.client: FlaskClient = create_app(self.plane, bridge).test_client()
        self._registry, self._bridge = registry, bridge

    def choose(self, choice: Choice) -> dict[str, str]:
        """Serve these versions; what was refused."""
        return self._bridge.run(adopt(self.plane, self._registry, {"notes": choice}, "onnx"))

    def replay(self) -> None:
        """Golden requests, once."""
        self._bridge.run(self.plane.readiness.replay())

    def answered(self, key: str = "", path: str = "/predict/notes", body: Any = ROW) -> int:
        """The version that answers; its price must be its own."""
        reply = self.client.post(path, json=body, headers={"X-Canary-Key": key})
        assert reply.status_code == 200, reply.data
        assert reply.json is not None
        version: int = reply.json["version"]
        assert reply.json["predictions"] == pytest.approx([version], abs=1e-4)
        assert reply.headers["X-Model-Digest"] == self.plane.catalogue.find("notes", str(version)).digest
        return version

    def figure(self, name: str, **labels: str) -> float | None:
        """A figure as Prometheus would get it."""
        self._bridge.run(self._flush())
        return self.plane.metrics.registry.get_sample_value(name, {"model": "notes", "version": "2", **labels})

    def wait_for(self, outcome: str, count: int = 1) -> None:
        """Until so many requests ended so in the shadow."""
        wait_until(lambda: self.figure("mulgam_shadow_requests_total", outcome=outcome) == count, 10, outcome)

    async def _flush(self) -> None:
        self.plane.flush()


@pytest.fixture
def trials(two_versions: Registry, bridge: Bridge) -> Iterator[Trials]:
    """Version 1 alone is served."""
    trials = Trials(two_versions, bridge)
    trials.replay()
    yield trials
    bridge.run(trials.own.close())


def only(version: int, then: Callable[[Answer], Answer | Exception]) -> Callable[[Served, Answer], Answer | Exception]:
    """Spoil the answers of one version."""
    return lambda served, answer: then(answer) if served.version == version else answer


KEYS = [f"user-{number}" for number in range(20)]


def test_a_canary_gets_its_share_by_key(trials: Trials) -> None:
    """The same key the same version; without a key the request's id decides; off again, nobody gets it."""
    assert {trials.answered(key) for key in KEYS} == {1}
    assert trials.choose(Choice(1, canary=2, share=0.5)) == {}
    first = [trials.answered(key) for key in KEYS]
    assert set(first) == {1, 2}
    assert [trials.answered(key) for key in KEYS] == first
    assert {trials.answered() for _ in range(40)} == {1, 2}
    assert trials.figure("mulgam_canary_share") == 0.5
    trials.choose(Choice(1))
    assert {trials.answered(key) for key in KEYS} == {1}
    assert trials.figure("mulgam_canary_share") == 0


def test_both_versions_are_there_by_their_numbers(trials: Trials) -> None:
    """In every protocol that names versions; another number is told which there are."""
    trials.choose(Choice(1, shadow=2))
    assert [trials.answered(path=f"/predict/notes/versions/{one}") for one in (1, 2)] == [1, 2]
    metadata = trials.client.get("/v2/models/notes/versions/2").json
    assert metadata is not None
    assert metadata["versions"] == ["1", "2"]
    assert trials.client.get("/v2/models/notes/versions/2/ready").status_code == 200
    unknown = trials.client.post("/predict/notes/versions/9", json=ROW).json
    assert unknown is not None
    assert unknown["error"] == "Version '9' of 'notes' is not served; versions 1, 2 are."


def test_a_request_is_read_by_the_signature_of_its_version(trials: Trials) -> None:
    """The canary allows no missing value, the default does."""
    trials.choose(Choice(1, canary=2, share=0.5))
    body = {"instances": [[10, None, 0]]}
    for key in KEYS:
        expected = 200 if trials.answered(key) == 1 else 400
        assert trials.client.post("/predict/notes", json=body, headers={"X-Canary-Key": key}).status_code == expected


def test_a_canary_with_wrong_answers_leaves_its_share_to_the_default(
    trials: Trials, caplog: pytest.LogCaptureFixture
) -> None:
    """The model stays ready; log and metric say it; asked for by number it is refused; healed, it is back."""
    trials.choose(Choice(1, canary=2, share=0.9))
    trials.backend.spoil = only(2, lambda answer: Answer(answer.output + 1, answer.digest))
    trials.replay()
    assert {trials.answered(key) for key in KEYS} == {1}
    assert trials.plane.readiness.ready() == {"notes": True}
    assert "the canary of model notes is not ready, the default takes its share" in caplog.text
    assert trials.figure("mulgam_canary_share") == 0
    assert trials.client.post("/predict/notes/versions/2", json=ROW).status_code == 503
    trials.backend.spoil = only(2, lambda answer: answer)
    trials.replay()
    assert {trials.answered(key) for key in KEYS} == {1, 2}


def test_a_canary_that_is_gone_leaves_its_share_to_the_default(trials: Trials) -> None:
    """Its breaker opens, not the default's."""
    trials.choose(Choice(1, canary=2, share=0.9))
    trials.backend.spoil = only(2, lambda _: backend_unavailable("notes"))
    for _ in range(3):
        assert trials.client.post("/predict/notes/versions/2", json=ROW).status_code == 503
    assert {trials.answered(key) for key in KEYS} == {1}
    assert not trials.plane.trial(trials.plane.catalogue.find("notes", "2")).ready


def test_a_bad_canary_is_refused_and_the_default_taken(trials: Trials) -> None:
    """Said under model and role; one that is promoted is the very version that was tried."""
    trials.backend.spoil = only(2, lambda answer: Answer(answer.output + 1, answer.digest))
    (refused,) = trials.choose(Choice(1, canary=2, share=0.5)).items()
    assert refused[0] == "notes canary"
    assert "golden" in refused[1]
    assert {trials.answered(key) for key in KEYS} == {1}
    trials.backend.spoil = only(2, lambda answer: answer)
    assert trials.choose(Choice(1, canary=2, share=0.5)) == {}
    canary = trials.plane.catalogue.find("notes", "2")
    assert trials.choose(Choice(2)) == {}
    assert trials.plane.catalogue.find("notes") is canary
    assert trials.answered() == 2


def test_a_shadow_is_compared_and_never_heard(trials: Trials) -> None:
    """It lies 1 억 원 from the default, whose target deviates by 1.03: the answer is the default's."""
    trials.choose(Choice(1, shadow=2))
    assert trials.answered() == 1
    trials.wait_for("disagreed")
    apart = trials.figure("mulgam_shadow_disagreement_sum")
    assert apart == pytest.approx(1 / trials.plane.catalogue.find("notes").tolerance.floor, rel=1e-3)


def test_a_shadow_that_fails_changes_nothing(trials: Trials) -> None:
    """No answer, an exception, a request that its signature refuses: counted, and the default answers on."""
    trials.choose(Choice(1, shadow=2))
    trials.backend.spoil = only(2, lambda _: backend_unavailable("notes"))
    assert trials.answered() == 1
    trials.wait_for("failed")
    trials.backend.spoil = only(2, lambda _: RuntimeError("a defect"))
    assert trials.answered() == 1
    trials.wait_for("failed", 2)
    trials.backend.spoil = only(2, lambda answer: answer)
    assert trials.client.post("/predict/notes", json={"instances": [[10, None, 0]]}).status_code == 200
    trials.wait_for("failed", 3)
    trials.replay()
    assert trials.plane.readiness.ready() == {"notes": True}


def test_a_shadow_waits_while_requests_are_in_flight(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is computed meanwhile; what has no place in the queue, or waits for too long, is dropped and counted."""
    monkeypatch.setattr(shadowing, "MOST_WAITING", 2)
    trials.choose(Choice(1, shadow=2))
    trials.plane.metrics.inflight_now = 1
    for _ in range(5):
        assert trials.answered() == 1
    trials.wait_for("dropped", 3)
    assert trials.figure("mulgam_shadow_requests_total", outcome="disagreed") == 0
    trials.plane.metrics.inflight_now = 0
    trials.wait_for("disagreed", 2)
    monkeypatch.setattr(shadowing, "_LOOKS", 2)
    trials.plane.metrics.inflight_now = 1
    trials.answered()
    trials.wait_for("dropped", 4)
    trials.plane.metrics.inflight_now = 0


def test_the_defaults_answers_alone_are_shadowed(trials: Trials, bridge: Bridge) -> None:
    """Whoever asks for another version by its number is not counted as a disagreement with the default."""
    trials.choose(Choice(1, shadow=2))
    assert trials.answered(path="/predict/notes/versions/2") == 2
    bridge.run(asyncio.sleep(0.1))
    assert trials.figure("mulgam_shadow_requests_total", outcome="disagreed") is None
