"""A contestant's whole process tree: its memory, its CPU time, its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from tests.bench.cores import on

STOP_SECONDS = 20.0
ROOT = Path(__file__).resolve().parents[2]


class Tree:
    """A started command with all that it starts.

    Args:
        command: what to run, from the repository's root.
        environment: the whole of it.
        folder: for `log`.
        core: of the whole tree; None: any.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path, core: int | None) -> None:
        self._log = folder / "log"
        with self._log.open("wb") as log, on(core):
            # A session of its own: Ctrl-C reaches us alone, and we stop it in order.
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=dict(environment), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self._seen: dict[int, psutil.Process] = {}

    @property
    def is_over(self) -> bool:
        """Whether its first process ended."""
        return self.process.poll() is not None

    def members(self, word: str = "") -> list[psutil.Process]:
        """All that live now, and have a word in their command line."""
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            found = [root, *root.children(recursive=True)]
            self._seen.update({one.pid: one for one in found})
        return [one for one in self._seen.values() if _lives(one) and (not word or word in _command(one))]

    def cpu_seconds(self) -> float:
        """User and system time of all, so far; threads included."""
        total = 0.0
        for one in self.members():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = one.cpu_times()
                total += times.user + times.system
        return total

    def memory_bytes(self) -> tuple[int, str]:
        """Memory of all, and by which measure: PSS counts shared pages once; RSS where that can't be read."""
        try:
            return sum(one.memory_full_info().pss for one in self.members()), "PSS"
        except (psutil.Error, AttributeError):
            return sum(one.memory_info().rss for one in self.members()), "RSS"

    def log_tail(self) -> str:
        """The last of what it printed."""
        return self._log.read_text(errors="replace")[-1500:].strip()

    def stop(self) -> None:
        """SIGTERM, time to finish, then SIGKILL to whatever of the tree is left."""
        self.members()
        try:
            if not self.is_over:
                self.process.terminate()
                self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for one in self._seen.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                if _lives(one):
                    one.kill()
        self.process.wait(10)
        deadline = time.monotonic() + 10
        while any(_lives(one) for one in self._seen.values()) and time.monotonic() < deadline:
            time.sleep(0.01)


def _command(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
