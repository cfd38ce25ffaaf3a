"""A supervised process: restarted with growing pauses, stopped with everything that it started."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import psutil
import pytest

from service.supervisor import child as module
from service.supervisor.child import BACKOFF_SECONDS, Child, describe_exit
from tests.processes import wait_until

# A process that ignores SIGTERM, once it has said in a file who it is.
DEAF = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1] + "~", "w").write(str(os.getpid()))
os.rename(sys.argv[1] + "~", sys.argv[1])
time.sleep(60)
"""
# One that starts such a process, and then does as the test says.
PARENT = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[1]])
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
exec(sys.argv[3])
"""


def launcher(*command: str) -> Callable[[], Awaitable[Process]]:
    """Starts a Python process in a session of its own."""

    async def launch() -> Process:
        return await asyncio.create_subprocess_exec(sys.executable, *command, start_new_session=True)

    return launch


def parent(folder: Path, then: str) -> Callable[[], Awaitable[Process]]:
    """Starts a process that starts a deaf one."""
    return launcher("-c", PARENT, str(folder / "deaf"), DEAF, then)


def is_running(pid: int) -> bool:
    """Whether a process lives (one that waits to be reaped does not)."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test's work, never longer than a minute."""
    asyncio.run(asyncio.wait_for(work, 60))


async def until(condition: Callable[[], bool], what: str) -> None:
    """`wait_until` without holding the loop."""
    await asyncio.to_thread(wait_until, condition, 20, what)


def test_the_exit_status_is_returned() -> None:
    """Of a process that ends by itself, and of one that is killed."""

    async def work() -> None:
        assert await Child("x", launcher("-c", "raise SystemExit(3)"), 1).run_once() == 3
        assert await Child("x", launcher("-c", "import os; os.kill(os.getpid(), 9)"), 1).run_once() == -9

    run(work())


def test_an_exit_is_described() -> None:
    """For the log."""
    assert describe_exit(3) == "exit status 3"
    assert describe_exit(-9) == "killed by SIGKILL"


def test_a_process_that_dies_is_restarted_with_growing_pauses(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each pause at least as long as the one before, never longer than the last; every death is in the log."""
    monkeypatch.setattr(module, "BACKOFF_SECONDS", tuple(pause / 100 for pause in BACKOFF_SECONDS))
    starts: list[float] = []

    async def launch() -> Process:
        starts.append(time.monotonic())
        return await asyncio.create_subprocess_exec("false", start_new_session=True)

    async def work() -> None:
        child = Child("x", launch, 1)
        keeping = asyncio.create_task(child.keep())
        await until(lambda: child.restarts >= 7, "seven restarts")
        await child.stop()
        await keeping

    with caplog.at_level(logging.ERROR):
        run(work())
    pauses = [float(record.getMessage().split(" in ")[1].removesuffix(" s")) for record in caplog.records]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[6]) == (BACKOFF_SECONDS[1] / 100, BACKOFF_SECONDS[-1] / 100)
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert all(gap >= pause for gap, pause in zip(gaps, pauses, strict=False))


def test_a_process_that_was_well_starts_anew(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A death after a long healthy run is followed by the shortest pause."""
    monkeypatch.setattr(module, "STABLE_SECONDS", 0.0)

    async def work() -> None:
        child = Child("x", launcher("-c", ""), 1)
        keeping = asyncio.create_task(child.keep())
        await until(lambda: child.restarts >= 2, "two restarts")
        await child.stop()
        await keeping

    with caplog.at_level(logging.ERROR):
        run(work())
    assert {record.getMessage() for record in caplog.records} == {"x ended (exit status 0); restarting in 0.2 s"}


def test_stopping_ends_a_whole_session(tmp_path: Path) -> None:
    """Also a grandchild that ignores SIGTERM; the process itself had time to finish by itself."""
    finish = "import signal; signal.signal(15, lambda *_: sys.exit(open(sys.argv[1] + '-end', 'w').close())); "

    async def work() -> None:
        child = Child("x", parent(tmp_path, finish + "open(sys.argv[1] + '-up', 'w').close(); time.sleep(60)"), 10)
        keeping = asyncio.create_task(child.keep())
        await until((tmp_path / "deaf-up").exists, "it is up")
        deaf = int((tmp_path / "deaf").read_text())
        assert is_running(deaf)
        await child.stop()
        await keeping
        assert (tmp_path / "deaf-end").exists()
        assert child.pid is not None
        assert not is_running(child.pid)
        await until(lambda: not is_running(deaf), "the grandchild is gone")

    run(work())


def test_a_process_that_ignores_the_signal_is_killed_after_the_grace(tmp_path: Path) -> None:
    """The stop takes as long as the grace, not longer."""

    async def work() -> None:
        child = Child("x", launcher("-c", DEAF, str(tmp_path / "deaf")), 0.3)
        keeping = asyncio.create_task(child.keep())
        await until((tmp_path / "deaf").exists, "it is up")
        started = time.monotonic()
        await child.stop()
        assert 0.3 <= time.monotonic() - started < 5
        await keeping
        assert child.pid is not None
        assert not is_running(child.pid)

    run(work())


def test_a_process_that_ended_leaves_nothing_behind(tmp_path: Path) -> None:
    """What it started goes with it, before it is started again."""

    async def work() -> None:
        assert await Child("x", parent(tmp_path, "sys.exit(0)"), 1).run_once() == 0
        deaf = int((tmp_path / "deaf").read_text())
        await until(lambda: not is_running(deaf), "the grandchild is gone")

    run(work())


def test_nothing_is_started_after_a_stop() -> None:
    """A stop during the pause before a restart: `keep` ends, no further start."""
    starts = 0

    async def launch() -> Process:
        nonlocal starts
        starts += 1
        return await asyncio.create_subprocess_exec("false", start_new_session=True)

    async def work() -> None:
        child = Child("x", launch, 1)
        keeping = asyncio.create_task(child.keep())
        await until(lambda: child.restarts == 1, "it died once")
        await child.stop()
        await asyncio.wait_for(keeping, 5)

    run(work())
    assert starts == 1


def test_a_stop_during_a_start_ends_what_was_started() -> None:
    """The process is launched just when the stop comes: it does not live on."""
    launching = asyncio.Event()
    pids: list[int] = []

    async def launch() -> Process:
        process = await asyncio.create_subprocess_exec("sleep", "60", start_new_session=True)
        pids.append(process.pid)
        launching.set()
        await asyncio.sleep(0.05)  # the point of the test: the stop comes before the launch is over
        return process

    async def work() -> None:
        child = Child("x", launch, 1)
        keeping = asyncio.create_task(child.keep())
        await launching.wait()
        await child.stop()
        await asyncio.wait_for(keeping, 5)

    run(work())
    try:
        assert not is_running(pids[0])
    finally:
        if is_running(pids[0]):
            os.kill(pids[0], 9)


def test_a_stop_before_the_first_start_is_nothing() -> None:
    """There is no process yet."""

    async def work() -> None:
        child = Child("x", launcher("-c", ""), 1)
        assert child.pid is None
        await child.stop()

    run(work())
