"""A folder that two containers of a pod share: the supervisor on one side, TorchServe on the other.

The supervisor says by a file that TorchServe is to run, with what lies beside it; the other side holds a lock while it
does. Both die with their process, whatever ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from mulgam.errors import MulgamError

LOOK_SECONDS = 0.1


class SharedFolder:
    """Both sides of it.

    Args:
        folder: on a volume that both mount, short enough for the names of Unix sockets.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.torchserve = folder / "ts"
        self._order = folder / "order"
        self._lock = folder / "running"

    async def cleared(self, patience: float) -> None:
        """Wait until no TorchServe of an earlier order runs, and make its folder anew.

        Raises:
            MulgamError: one runs on after so many seconds, or the folder can't be written.
        """
        self.dismiss()
        due = asyncio.get_running_loop().time() + patience
        try:
            while True:
                with contextlib.suppress(BlockingIOError), self.running():
                    shutil.rmtree(self.torchserve, ignore_errors=True)
                    self.torchserve.mkdir(mode=0o700)
                    return
                if asyncio.get_running_loop().time() > due:
                    raise MulgamError(f"A TorchServe in {self._folder} does not end; restart its container.")
                await asyncio.sleep(LOOK_SECONDS)
        except OSError as problem:
            raise MulgamError(f"{self._folder} can't be written: {problem.strerror}.") from problem

    def order(self) -> None:
        """Have TorchServe run with what lies in its folder now."""
        fresh = self._folder / "order.new"
        fresh.write_text(uuid.uuid4().hex)
        os.replace(fresh, self._order)

    def dismiss(self) -> None:
        """Have it end."""
        self._order.unlink(missing_ok=True)

    def ordered(self) -> str | None:
        """What tells one order from another; None where there is none."""
        try:
            return self._order.read_text()
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Hold the lock for the length of a block; raises BlockingIOError where the other side does."""
        with self._lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
