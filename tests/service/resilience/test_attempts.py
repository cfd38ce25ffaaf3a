"""What stands between a request and a backend that fails: one retry within a budget, and a breaker."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from service.backends.base import Answer
from service.bridge import Bridge
from service.errors import ApiError, answer_broken, backend_late, backend_lost, backend_unavailable, bad_backend
from service.metrics.recording import Metrics
from service.plane import DataPlane
from service.resilience.retry import RESERVE, RetryBudget
from service.settings import Settings
from service.versions.served import Catalogue, Served
from tests.processes import wait_until
from tests.service.conftest import SteeredBackend


class Calls:
    """Counts the calls of a backend and fails those that the test names."""

    def __init__(self, problem: Callable[[], Exception], failing: range) -> None:
        self.count = 0
        self._problem = problem
        self._failing = failing

    def __call__(self, served: Served, answer: Answer) -> Answer | Exception:
        self.count += 1
        return self._problem() if self.count - 1 in self._failing else answer


def ask(plane: DataPlane, bridge: Bridge, timeout: float = 5.0) -> int:
    """The status of one request for `notes`."""
    served = plane.catalogue.find("notes")
    tensors = served.encoder.encode([[32, 3, 0.3]])
    try:
        bridge.run(plane.predict(served, tensors, 1, timeout))
    except ApiError as problem:
        return problem.status
    return 200


def sample(plane: DataPlane, name: str, **labels: str) -> float:
    """A series' value now."""
    plane.metrics.flush()
    return plane.metrics.registry.get_sample_value(name, labels) or 0.0


def test_a_lost_call_is_made_once_more(steered_plane: DataPlane, steered: SteeredBackend, bridge: Bridge) -> None:
    """The caller gets the answer and hears of nothing; it is counted."""
    steered.spoil = calls = Calls(lambda: backend_lost("notes"), range(1))
    assert ask(steered_plane, bridge) == 200
    assert calls.count == 2
    assert sample(steered_plane, "mulgam_retries_total", model="notes", version="1") == 1


@pytest.mark.parametrize("problem", [backend_unavailable("notes"), backend_late(5.0), bad_backend()])
def test_what_was_not_lost_is_not_tried_again(
    steered_plane: DataPlane, steered: SteeredBackend, bridge: Bridge, problem: ApiError
) -> None:
    """A full queue, a time-out, a wrong answer: another try would cost a backend in trouble, and help nobody."""
    steered.spoil = calls = Calls(lambda: problem, range(1))
    assert ask(steered_plane, bridge) == problem.status
    assert calls.count == 1


def test_a_broken_answer_is_asked_for_once_more(
    steered_plane: DataPlane, steered: SteeredBackend, bridge: Bridge
) -> None:
    """Then it is 502; a backend that gives nothing else opens the breaker, as one that gives nothing."""
    steered.spoil = calls = Calls(answer_broken, range(1))
    assert (ask(steered_plane, bridge), calls.count) == (200, 2)
    steered.spoil = calls = Calls(answer_broken, range(99))
    assert (ask(steered_plane, bridge), calls.count) == (502, 2)
    assert [ask(steered_plane, bridge) for _ in range(2)] == [502, 503]


def test_a_broken_answer_does_not_take_a_batch_apart(
    steered_plane: DataPlane, steered: SteeredBackend, bridge: Bridge
) -> None:
    """No row of it is to blame, so that each is not asked for alone."""
    steered.spoil = calls = Calls(answer_broken, range(99))
    served = steered_plane.catalogue.find("notes")
    tensors = served.encoder.encode([[32, 3, 0.3]])

    async def together() -> list[object]:
        asked = (steered_plane.predict(served, tensors, 1, 5.0) for _ in range(3))
        return await asyncio.gather(*asked, return_exceptions=True)

    results = bridge.run(together())
    assert [one.status for one in results if isinstance(one, ApiError)] == [502] * 3
    assert calls.count == 2


def test_retries_stay_within_their_budget() -> None:
    """The reserve at once, then one for every ten calls; without a share none at all."""
    budget = RetryBudget(0.1)
    assert [budget.withdraw() for _ in range(12)] == [True] * int(RESERVE) + [False] * 2
    for _ in range(100):
        budget.deposit()
    assert sum(budget.withdraw() for _ in range(100)) in (9, 10)
    assert not RetryBudget(0.0).withdraw()


def test_a_backend_that_is_gone_is_left_alone(
    catalogue: Catalogue, steered: SteeredBackend, settings: Settings, bridge: Bridge
) -> None:
    """Three faults in a row open the breaker: 503 at once, no call, counted, shown; the golden replay closes it."""
    plane = DataPlane(replace(settings, retry_share=0.0), catalogue, steered, Metrics())
    steered.spoil = calls = Calls(lambda: backend_lost("notes"), range(3))
    assert [ask(plane, bridge) for _ in range(5)] == [503] * 5
    assert calls.count == 3
    assert sample(plane, "mulgam_rejected_total", reason="breaker") == 2
    assert sample(plane, "mulgam_breaker_open", model="notes", version="1") == 1
    assert sample(plane, "mulgam_breaker_open", model="shapes", version="1") == 0
    bridge.run(plane.readiness.replay())
    assert sample(plane, "mulgam_breaker_open", model="notes", version="1") == 0
    assert ask(plane, bridge) == 200


def test_golden_replays_open_it_too(steered_plane: DataPlane, steered: SteeredBackend, bridge: Bridge) -> None:
    """So that the first caller after a quiet night is not the one to find out."""
    steered.spoil = lambda served, answer: backend_unavailable(served.name)
    for _ in range(3):
        bridge.run(steered_plane.readiness.replay())
    calls = Calls(lambda: backend_lost("notes"), range(0))
    steered.spoil = calls
    assert ask(steered_plane, bridge) == 503
    assert calls.count == 0


def test_an_answer_between_faults_keeps_it_closed(
    steered_plane: DataPlane, steered: SteeredBackend, bridge: Bridge
) -> None:
    """Also a wrong one: whoever answers is there."""
    faults = iter([backend_unavailable("notes"), backend_unavailable("notes"), bad_backend()] * 5)
    steered.spoil = lambda served, answer: next(faults)
    assert [ask(steered_plane, bridge) for _ in range(9)] == [503, 503, 502] * 3
    assert not steered_plane.breakers.of(steered_plane.catalogue.find("notes")).is_open


def test_an_impatient_caller_breaks_nothing(steered_plane: DataPlane, steered: SteeredBackend, bridge: Bridge) -> None:
    """Time-outs count only where the backend had as much time as for a golden request."""
    steered.spoil = lambda served, answer: backend_late(0.001)
    assert [ask(steered_plane, bridge, 0.5) for _ in range(5)] == [504] * 5
    assert not steered_plane.breakers.of(steered_plane.catalogue.find("notes")).is_open
    assert [ask(steered_plane, bridge, 5.0) for _ in range(5)] == [504] * 3 + [503] * 2


def test_who_waits_in_the_queue_is_told_when_it_opens(
    catalogue: Catalogue, steered: SteeredBackend, settings: Settings, bridge: Bridge
) -> None:
    """At once: the lanes may hang until their deadlines."""
    plane = DataPlane(replace(settings, retry_share=0.0, breaker_faults=1, max_batch_rows=1), catalogue, steered,
                      Metrics())  # fmt: skip
    steered.spoil = calls = Calls(lambda: backend_lost("notes"), range(1))
    served = catalogue.find("notes")
    tensors = served.encoder.encode([[32, 3, 0.3]])

    async def ask_at_once() -> list[int]:
        results = await asyncio.gather(*(plane.predict(served, tensors, 1, 5.0) for _ in range(4)),
                                       return_exceptions=True)  # fmt: skip
        return [one.status for one in results if isinstance(one, ApiError)]

    assert bridge.run(ask_at_once()) == [503] * 4
    assert calls.count == 1


def test_suspicion_brings_a_replay_at_once(
    catalogue: Catalogue, steered: SteeredBackend, settings: Settings, bridge: Bridge
) -> None:
    """A call that fails is not left until the next interval: here, a minute."""
    plane = DataPlane(replace(settings, ready_interval=60.0), catalogue, steered, Metrics())
    watching = asyncio.run_coroutine_threadsafe(plane.readiness.watch(), bridge.loop)
    wait_until(lambda: plane.readiness.ready()["notes"], 5, "ready")
    steered.spoil = lambda served, answer: backend_unavailable(served.name)
    assert ask(plane, bridge) == 503
    wait_until(lambda: not plane.readiness.ready()["notes"], 5, "not ready")
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError, concurrent.futures.CancelledError):
        watching.result(5)
