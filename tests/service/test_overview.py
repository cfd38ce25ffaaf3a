"""What the supervisor makes of the gateway's last word: ready, alive, or neither."""

from __future__ import annotations

import time

import pytest

from mulgam.serving import Choice
from service.process.status import STALE_SECONDS, Status
from service.resilience.readiness import State
from service.supervisor.overview import Overview

GRACE = 60.0


class Clock:
    """A monotonic clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of `time.monotonic`."""
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


@pytest.fixture
def overview(clock: Clock) -> Overview:
    """Two models, at the start."""
    return Overview(("notes", "shapes"), GRACE, began=clock.now)


def told(clock: Clock, **ready: bool) -> Status:
    """The gateway's word now."""
    return Status({name: State(yes, None if yes else "wrong answer") for name, yes in ready.items()}, clock.now)


def test_before_a_word_nothing_is_ready(overview: Overview) -> None:
    """And the cause says that the process is not answering."""
    assert not overview.is_ready
    assert overview.states()["notes"] == State(False, "the gateway process is not answering")
    assert set(overview.ready()) == {"notes", "shapes"}


def test_at_the_start_every_model_must_answer(overview: Overview, clock: Clock) -> None:
    """A rollout with a broken model must not take the place of one that works."""
    overview.statuses[0] = told(clock, notes=True, shapes=False)
    assert not overview.is_ready
    overview.statuses[0] = told(clock, notes=True, shapes=True)
    assert overview.is_ready


def test_later_one_model_is_enough(overview: Overview, clock: Clock) -> None:
    """A broken one answers 503 by itself and does not stop the rest; with none left the pod is not ready."""
    overview.started = True
    overview.statuses[0] = told(clock, notes=True, shapes=False)
    assert overview.is_ready
    assert overview.states()["shapes"].cause == "wrong answer"
    overview.statuses[0] = told(clock, notes=False, shapes=False)
    assert not overview.is_ready


def test_a_silent_gateway_is_not_ready(overview: Overview, clock: Clock) -> None:
    """Though its last word was that all is well."""
    overview.started = True
    overview.statuses[0] = told(clock, notes=True, shapes=True)
    clock.now += STALE_SECONDS
    assert not overview.is_ready
    assert overview.ready() == {"notes": False, "shapes": False}
    overview.statuses[0] = told(clock, notes=True, shapes=True)
    assert overview.is_ready


def test_stopping_is_not_ready_and_still_alive(overview: Overview, clock: Clock) -> None:
    """Readiness drops at once, so that no new request comes; liveness holds, so that nobody kills it."""
    overview.started = True
    overview.statuses[0] = told(clock, notes=True, shapes=True)
    overview.stopping = True
    assert not overview.is_ready
    assert overview.states()["notes"].cause == "the service is stopping"
    assert overview.is_alive


def test_a_long_silence_is_not_alive(overview: Overview, clock: Clock) -> None:
    """Restarts of the gateway have the grace to help; then a restart of everything may."""
    clock.now += GRACE - 1
    assert overview.is_alive
    overview.statuses[0] = told(clock, notes=False, shapes=False)
    clock.now += GRACE - 1
    assert overview.is_alive
    clock.now += 2
    assert not overview.is_alive


def test_a_gateway_that_answers_is_alive_though_no_model_is_ready(overview: Overview, clock: Clock) -> None:
    """A restart would not mend a model."""
    clock.now += 10 * GRACE
    overview.statuses[0] = told(clock, notes=False, shapes=False)
    assert overview.is_alive


def test_nothing_is_ready_just_after_the_machine_started(clock: Clock) -> None:
    """A monotonic clock near zero is no word of the gateway's."""
    clock.now = 1.0
    assert not Overview(("notes",), GRACE, began=clock.now).is_ready


def test_several_gateways_must_all_come_up_and_may_fail_one_by_one(clock: Clock) -> None:
    """At the start all of them; later those that speak decide, and what one of them says of a model counts."""
    overview = Overview(("notes",), GRACE, gateways=2, began=clock.now)
    overview.statuses[0] = told(clock, notes=True)
    assert not overview.is_ready
    overview.statuses[1] = told(clock, notes=True)
    assert overview.is_ready
    overview.started = True
    overview.statuses[1] = Status()
    assert overview.is_ready
    overview.statuses[1] = told(clock, notes=False)
    assert overview.states()["notes"].cause == "wrong answer"


def test_canary_and_shadow_are_told_beside_the_default(overview: Overview, clock: Clock) -> None:
    """With their state, or why a gateway does not have them; the model is as ready as its default."""
    overview.choices = {"notes": Choice(1, canary=2, share=0.05, shadow=3)}
    ready = {"notes": State(True), "shapes": State(True)}
    overview.statuses[0] = Status(
        ready, clock.now, refused={"notes shadow": "no"}, trials={("notes", 2): State(False, "gone")}
    )
    assert overview.trials("notes") == {
        "canary": {"version": 2, "share": 0.05, "ready": False, "cause": "gone"},
        "shadow": {"version": 3, "ready": False, "cause": "no"},
    }
    assert overview.trials("shapes") == {}
    assert overview.is_ready
