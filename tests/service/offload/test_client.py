"""Work in another process: its results and errors come back, and whatever becomes of it harms nobody else."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import psutil
import pytest

from mulgam.errors import InputError
from service.errors import ApiError
from service.offload import client
from service.offload.client import Offload
from service.versions.served import Catalogue, Served

# Functions that the worker can import by name.
SLEEP: Callable[..., Any] = time.sleep
PID: Callable[..., Any] = os.getpid


@pytest.fixture
def offload() -> Iterator[Offload]:
    """With no worker yet."""
    offload = Offload()
    yield offload
    offload.close()


@pytest.fixture
def served(catalogue: Catalogue) -> Served:
    """A version of a model."""
    return catalogue.find("notes")


def echo(served: Served, value: Any) -> tuple[str, Any]:
    """What came, and of whom."""
    return served.digest, value


def refuse(error: Exception) -> None:
    """Raise it."""
    raise error


def workers() -> list[psutil.Process]:
    """Those of this process."""
    return [one for one in psutil.Process().children() if "service.offload.worker" in one.cmdline()]


def child() -> psutil.Process:
    """The only one of them."""
    (found,) = workers()
    return found


def test_it_runs_in_one_other_process_behind_this_one(offload: Offload, served: Served) -> None:
    """Every call in the same process, which has a lower priority."""
    first, second = offload.run(served, 20, PID), offload.run(served, 20, PID)
    assert first == second == child().pid
    assert child().nice() > psutil.Process().nice()


def test_nothing_is_started_before_it_is_needed() -> None:
    """A service without large bodies has no worker."""
    Offload().close()
    assert not workers()


def test_versions_and_arrays_go_there_and_back(offload: Offload, served: Served) -> None:
    """A version is told once, then named; an array comes back as it was."""
    rows = np.arange(100_000, dtype=np.float32)
    for _ in range(3):
        digest, back = offload.run(served, 20, echo, served, rows)
        assert digest == served.digest
        np.testing.assert_array_equal(back, rows)


def test_the_version_that_comes_back_is_the_one_that_went(offload: Offload, served: Served) -> None:
    """Not a copy of it, with the thousands of categories that it may list."""
    _, back = offload.run(served, 20, echo, served, served)
    assert back is served


def test_more_versions_than_are_kept(offload: Offload, served: Served) -> None:
    """Both sides forget the same ones."""
    versions = [Served(replace(served.entry, version=number), served.runtime) for number in range(70)]
    for one in [*versions, *versions[-10:]]:
        assert offload.run(one, 20, echo, one, one)[1] is one


@pytest.mark.parametrize(
    "error",
    [InputError("WRONG_TYPE", "No number.", "instances[3]"), ApiError(413, "TOO_MANY_ROWS", "Many.", None, {"A": "b"})],
)  # fmt: skip
def test_its_errors_are_raised_here(offload: Offload, served: Served, error: Exception) -> None:
    """With everything that the answer needs of them."""
    with pytest.raises(type(error)) as raised:
        offload.run(served, 20, refuse, error)
    assert str(raised.value) == str(error)
    assert vars(raised.value) == vars(error)


def test_a_defect_comes_with_its_traceback(offload: Offload, served: Served) -> None:
    """For the log; and the worker works on."""
    with pytest.raises(RuntimeError, match="in refuse"):
        offload.run(served, 20, refuse, KeyError("x"))
    assert offload.run(served, 20, echo, served, 1)[1] == 1


def test_what_cannot_be_told_does_not_spoil_what_follows(offload: Offload, served: Served) -> None:
    """An argument that does not pickle is a defect of that call alone."""
    with pytest.raises(Exception, match="pickle"):
        offload.run(served, 20, echo, served, lambda: None)
    assert offload.run(served, 20, echo, served, 1)[1] == 1


def late(offload: Offload, served: Served, timeout: float, seconds: float) -> float:
    """Ask for what takes longer than it may; returns how long the 504 took."""
    started = time.monotonic()
    with pytest.raises(ApiError) as raised:
        offload.run(served, timeout, SLEEP, seconds)
    assert raised.value.status == 504
    return time.monotonic() - started


def test_an_impatient_caller_costs_others_no_worker(offload: Offload, served: Served) -> None:
    """504 at its deadline, also while the worker starts; the next waits for what is left, and has its own answer."""
    assert late(offload, served, 0.001, 0) < 5
    before = offload.run(served, 20, PID)
    for _ in range(3):
        assert late(offload, served, 0.05, 0.3) < 5
        assert offload.run(served, 20, echo, served, "mine") == (served.digest, "mine")
    assert offload.run(served, 20, PID) == before


def test_a_worker_that_hangs_is_replaced(
    offload: Offload, served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where it owes an answer for too long, the next caller waits no longer than that, and has a new one."""
    before = offload.run(served, 20, PID)
    monkeypatch.setattr(client, "STALL_SECONDS", 1)
    assert late(offload, served, 0.1, 60) < 5
    assert late(offload, served, 0.1, 0) < 5
    assert offload.run(served, 20, PID) != before
    assert not psutil.pid_exists(before)
    assert "hung or died" in caplog.text


def test_a_worker_that_ends_as_it_starts_is_done_without(
    offload: Offload, served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The work is done here, and it is not tried for each request anew."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert [offload.run(served, 20, PID) for _ in range(3)] == [os.getpid()] * 3
    assert len(caplog.records) == 1


def test_a_worker_that_dies_costs_one_request(offload: Offload, served: Served) -> None:
    """503 with Retry-After for the request in hand: to run it here might be the end of this process too."""
    with pytest.raises(ApiError) as raised:
        offload.run(served, 20, os._exit, 9)
    assert (raised.value.status, raised.value.headers) == (503, {"Retry-After": "1"})
    assert offload.run(served, 20, echo, served, 1)[1] == 1


def test_a_worker_that_died_between_two_calls_costs_none(offload: Offload, served: Served) -> None:
    """It is started anew."""
    first = offload.run(served, 20, PID)
    worker = child()
    worker.kill()
    worker.wait(10)
    assert offload.run(served, 20, PID) != first


def test_where_no_process_can_be_started_work_is_done_here(
    offload: Offload, served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Slower for others, and said once; no file descriptor is lost."""

    def fail(*_: Any, **__: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", fail)
    gc.collect()
    before = psutil.Process().num_fds()
    assert [offload.run(served, 20, PID) for _ in range(3)] == [os.getpid()] * 3
    assert len(caplog.records) == 1
    assert psutil.Process().num_fds() == before


def test_a_worker_with_nothing_to_do_is_ended(
    offload: Offload, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its memory is given back; the next large body starts another."""
    first = offload.run(served, 20, PID)
    offload.tidy()
    assert child().pid == first
    monkeypatch.setattr(client, "IDLE_SECONDS", -1.0)
    offload.tidy()
    assert not psutil.pid_exists(first)
    assert offload.run(served, 20, PID) != first
