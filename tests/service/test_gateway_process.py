"""The supervisor's ear: what a gateway process tells it counts while the process lives, and not longer."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, values

from mulgam.serving import Choice
from service.metrics.files import FILES_VARIABLE
from service.metrics.rendering import render
from service.process.status import Order, Status, to_line
from service.resilience.readiness import State
from service.settings import Settings
from service.supervisor.gateway_process import GatewayProcess
from service.supervisor.overview import Overview
from tests.processes import wait_until

PID = 4711
READY = to_line(Status({"notes": State(True)}))


@pytest.fixture
def overview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Overview:
    """One of two gateways is played by the test, in whose name metrics are counted; the other is silent."""
    monkeypatch.setenv(FILES_VARIABLE, str(tmp_path))
    monkeypatch.setattr(values, "ValueClass", values.MultiProcessValue(lambda: PID))
    return Overview(("notes",), 60.0, gateways=2, started=True)


def hear(overview: Overview, lines: bytes) -> list[bool]:
    """Whether it was ready after these bytes, and after the process that sent them ended."""
    ready: list[bool] = []

    async def work() -> None:
        gateway = GatewayProcess(1, Settings(), Order(0, {"notes": Choice(1)}), None, overview)
        reading, writing = os.pipe()
        listening = asyncio.create_task(gateway.listen(reading, PID))
        os.write(writing, lines)
        await asyncio.to_thread(wait_until, lambda: overview.statuses[1].fresh, 5, "it heard something")
        ready.append(overview.is_ready)
        os.close(writing)
        await listening
        ready.append(overview.is_ready)

    asyncio.run(work())
    return ready


def test_the_end_of_a_process_is_the_end_of_its_word(overview: Overview) -> None:
    """Ready while it says so; not for a moment longer than it lives."""
    assert hear(overview, READY) == [True, False]


def test_a_line_that_was_cut_off_is_passed_over(overview: Overview) -> None:
    """What comes after it counts, and a last half line ends nothing with an error."""
    assert hear(overview, b'{"models": {"notes": {"rea\n' + READY + b'{"no') == [True, False]


def test_the_gauges_of_a_dead_process_go_and_its_counters_stay(overview: Overview) -> None:
    """Requests that it had in hand are in nobody's hand any more; what it answered was answered."""
    own = CollectorRegistry()
    Gauge("mulgam_test_inflight", "x", registry=own, multiprocess_mode="livesum").set(7)
    Counter("mulgam_test_answered", "x", registry=own).inc(3)
    assert b"mulgam_test_inflight 7.0" in render(None, dict)
    hear(overview, READY)
    text = render(None, dict)
    assert b"mulgam_test_inflight" not in text
    assert b"mulgam_test_answered_total 3.0" in text
