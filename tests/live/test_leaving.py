"""Clients that leave in mid-request: what waits in the queue for them takes nobody along."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.under_load.crowd import crowd
from tests.callers import Outcome, calling, post
from tests.drill.places import registry
from tests.drill.v2_server import v2_server
from tests.processes import Serving, serving, wait_until

pytestmark = [pytest.mark.live, pytest.mark.beside]

# What each sends, and its price: a caller that gets another's share of a batch is seen.
FIRST, SECOND, LEAVING = 10.0, 20.0, 1000.0
LEAVERS = 100
ANSWERS = 300


def request(area: float) -> bytes:
    """One flat, so far from anywhere that its area alone counts."""
    return post("/predict/notes", {"instances": [[area, 0, 0]]})


def answers_beside_leavers(service: Serving) -> int:
    """Callers of two kinds beside clients that leave; how many of these left."""
    with (
        calling(lambda: [service.port], request(FIRST), 3, 1) as first,
        calling(lambda: [service.port], request(SECOND), 3, 1) as second,
        crowd("leave", LEAVERS, service.port, request(LEAVING), None) as told,
    ):
        enough = len(first.answers) + ANSWERS, len(second.answers) + ANSWERS
        wait_until(lambda: (len(first.answers), len(second.answers)) > enough, 60, "answers beside them")
    for outcome, area in ((first, FIRST), (second, SECOND)):
        assert outcome.failed == []
        assert prices(outcome) == {round(area * 0.1, 4)}
    return told.outcomes["left"]


def prices(outcome: Outcome) -> set[float]:
    """All that was answered."""
    return {round(price, 4) for answer in outcome.answers for price in answer.json["predictions"]}


def test_whoever_leaves_the_queue_takes_nobody_along(tmp_path: Path) -> None:
    """A slow V2 server with one lane: some leave the queue, some a batch; all others get their own answers."""
    computed: list[bool] = []
    with v2_server() as server:
        settings = {"backend": "oip", "oip_url": f"http://127.0.0.1:{server.port}", "oip_tensors": "json"}
        settings |= {"runtime": "onnx", "oip_lanes": "1"}
        with serving(registry(tmp_path).root, tmp_path, **settings) as service:
            server.delay = 0.02
            server.spoil = lambda answer: computed.append(b"100.0" in answer) or answer  # type: ignore[func-returns-value]
            left = answers_beside_leavers(service)
            assert service.is_ready()
    assert left > LEAVERS
    assert any(computed), "no leaver's row came as far as a batch"


def test_whoever_leaves_torchserve_takes_nobody_along(tmp_path: Path) -> None:
    """The same over TorchServe: no lane dies, no answer is lost or another's."""
    with serving(registry(tmp_path).root, tmp_path) as service:
        assert answers_beside_leavers(service) > LEAVERS
        assert service.is_ready()
