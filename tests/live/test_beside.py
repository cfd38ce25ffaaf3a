"""TorchServe in a container of its own, here a process that shares a folder with the supervisor's and nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mulgam import serving as plan
from mulgam.registry import Registry
from tests.callers import calling, post
from tests.processes import ROOT, Serving, predict, wait_until

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300)]

ROW = [[10, 0, 0]]


class Beside:
    """`python -m service.beside` as a process."""

    def __init__(self, folder: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MULGAM_")}
        environment |= {"MULGAM_TORCHSERVE_FOLDER": str(folder)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service.beside"], cwd=ROOT, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def java(self) -> psutil.Process | None:
        """TorchServe, where it runs."""
        for one in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if "org.pytorch.serve.ModelServer" in one.cmdline():
                    return one
        return None

    def kill(self) -> None:
        """End it, and what it started (the kernel ends Java)."""
        below = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        self.process.kill()
        self.process.wait(10)
        for one in below:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What both mount."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture
def beside(folder: Path) -> Iterator[Beside]:
    """The container with TorchServe."""
    one = Beside(folder)
    yield one
    one.kill()


def served(service: Serving, version: int) -> bool:
    """Whether this version answers."""
    reply = predict(service.port, "notes", ROW)
    return reply.status == 200 and bool(reply.json["version"] == version)


def test_two_containers_serve_swap_heal_and_stop(
    versions: Registry, folder: Path, beside: Beside, tmp_path: Path
) -> None:
    """Ready, a version swapped under load without a failed request, Java killed and back, the supervisor killed and
    back with a TorchServe anew, and both told to stop at once under load: no request fails, nothing is left."""
    settings = {"torchserve_folder": str(folder), "request_timeout": "4", "drain_delay": "1"}
    service = Serving(versions.root, tmp_path, **settings)
    try:
        service.wait_ready()
        assert not service.descendants("org.pytorch.serve")
        first = beside.java()
        assert first is not None
        request = post("/predict/notes", {"instances": ROW})
        with calling(lambda: [service.port], request, persistent=3, fresh=1, pause=0.01) as outcome:
            plan.promote(versions, "notes", 2)
            wait_until(lambda: served(service, 2), 60, "the promoted version answers")
        assert not outcome.failed, outcome.failed[:3]
        first.kill()
        wait_until(lambda: not service.is_ready(), 20, "that it is gone is told")
        wait_until(lambda: served(service, 2), 60, "Java is started anew, with the version that was loaded later")
        second = beside.java()
        assert second is not None
        assert second.pid != first.pid
    finally:
        service.kill()
    service = Serving(versions.root, tmp_path, **settings)
    try:
        service.wait_ready()
        third = beside.java()
        assert third is not None
        assert third.pid != second.pid
        assert served(service, 2)
        over: list[int] = []
        with calling(lambda: [] if over else [service.port], request, persistent=3, fresh=0, pause=0.01) as outcome:
            wait_until(lambda: len(outcome.answers) > 50, 20, "load")
            beside.process.send_signal(signal.SIGTERM)
            service.process.send_signal(signal.SIGTERM)
            wait_until(lambda: any("close" in one.headers.get("connection", "") for one in outcome.answers), 5, "drain")
            over.append(1)
        assert not outcome.failed, outcome.failed[:3]
        assert service.process.wait(30) == 0
        assert beside.process.wait(30) == 0
        wait_until(lambda: not third.is_running() or third.status() == psutil.STATUS_ZOMBIE, 10, "Java is gone")
        assert not service.orphans()
    finally:
        service.kill()


def test_a_folder_is_wanted(tmp_path: Path) -> None:
    """Without one, or with one that can't be written, each side ends with a sentence."""
    ended = subprocess.run(
        [sys.executable, "-m", "service.beside"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "MULGAM_TORCHSERVE_FOLDER must name the folder" in ended.stderr
