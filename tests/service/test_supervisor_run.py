"""The supervisor's ear: what a gateway process tells it counts while the process lives, and not longer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, values

from mulgam.registry import Registry
from service.metrics import FILES_VARIABLE, render
from service.readiness import State
from service.settings import Settings
from service.status import to_line
from service.supervisor.run import Supervisor
from tests.processes import free_port, wait_until

PID = 4711


@pytest.fixture
def supervisor(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """A supervisor whose processes a test plays, with the files that a gateway process counted in."""
    monkeypatch.setenv(FILES_VARIABLE, str(tmp_path))
    monkeypatch.setattr(values, "ValueClass", values.MultiProcessValue(lambda: PID))
    supervisor = Supervisor(Settings(registry=registry.root, port=free_port()))
    supervisor._overview.started = True
    yield supervisor
    supervisor._folder.rmdir()


def hear(supervisor: Supervisor, lines: bytes) -> list[bool]:
    """Whether it was ready after it heard these bytes, and after the process that sent them ended."""
    ready: list[bool] = []

    async def work() -> None:
        reading, writing = os.pipe()
        listening = asyncio.create_task(supervisor._listen(reading, PID))
        os.write(writing, lines)
        await asyncio.to_thread(wait_until, lambda: supervisor._overview.status.fresh, 5, "it heard something")
        ready.append(supervisor._overview.is_ready)
        os.close(writing)
        await listening
        ready.append(supervisor._overview.is_ready)

    asyncio.run(work())
    return ready


def test_the_end_of_a_process_is_the_end_of_its_word(supervisor: Supervisor) -> None:
    """Ready while it says so; not for a moment longer than it lives."""
    assert hear(supervisor, to_line({"notes": State(True), "shapes": State(True)})) == [True, False]


def test_a_line_that_was_cut_off_is_passed_over(supervisor: Supervisor) -> None:
    """What comes after it counts, and a last half line ends nothing with an error."""
    whole = to_line({"notes": State(True), "shapes": State(True)})
    assert hear(supervisor, b'{"notes": {"rea\n' + whole + b'{"no') == [True, False]


def test_the_gauges_of_a_dead_process_go_and_its_counters_stay(supervisor: Supervisor) -> None:
    """Requests that it had in hand are in nobody's hand any more; what it answered was answered."""
    own = CollectorRegistry()
    Gauge("mulgam_test_inflight", "x", registry=own, multiprocess_mode="livesum").set(7)
    Counter("mulgam_test_answered", "x", registry=own).inc(3)
    assert b"mulgam_test_inflight 7.0" in render(None, dict)
    hear(supervisor, to_line({"notes": State(True)}))
    text = render(None, dict)
    assert b"mulgam_test_inflight" not in text
    assert b"mulgam_test_answered_total 3.0" in text
