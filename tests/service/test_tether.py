"""A tethered process ends with its parent, also where the parent can do nothing any more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from service.supervisor import tether
from tests.processes import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the signal at a parent's death is Linux's")

TETHER = tether.__file__
# Says in a file who it is, then waits; standard input is closed, so that nothing but a signal ends it.
WAITING = """
import os, sys, time
open(sys.argv[1] + "~", "w").write(str(os.getpid()))
os.rename(sys.argv[1] + "~", sys.argv[1])
time.sleep(60)
"""
# A parent that tethers such a process to itself.
PARENT = """
import os, subprocess, sys
command = [sys.executable, sys.argv[1], str(os.getpid()), sys.executable, "-c", sys.argv[2], sys.argv[3]]
subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True).wait()
"""


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """SIGKILL of the parent: the process, in a session of its own, is gone."""
    told = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, TETHER, WAITING, str(told)])
    try:
        wait_until(told.exists, 20, "the tethered process is up")
        tethered = psutil.Process(int(told.read_text()))
        assert "time.sleep(60)" in " ".join(tethered.cmdline())
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: not tethered.is_running() or tethered.status() == psutil.STATUS_ZOMBIE, 10, "it ended too")


def test_it_does_not_start_when_its_parent_is_gone(tmp_path: Path) -> None:
    """The parent died before the tether was tied: exit status 1, and the command never ran."""
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    ran = tmp_path / "ran"
    ended = subprocess.run(
        [sys.executable, TETHER, gone.stdout.decode().strip(), "touch", str(ran)],
        timeout=20, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert not ran.exists()


def test_it_becomes_the_command(tmp_path: Path) -> None:
    """Same process id, the command's arguments as given, its exit status."""
    told = tmp_path / "told"
    code = "import os, sys; open(sys.argv[1], 'w').write(f'{os.getpid()} {sys.argv[2:]}'); sys.exit(7)"
    command = [sys.executable, TETHER, str(psutil.Process().pid), sys.executable, "-c", code, str(told), "a b"]
    process = subprocess.Popen(command)
    assert process.wait(20) == 7
    assert told.read_text() == f"{process.pid} ['a b']"
