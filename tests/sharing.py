"""What is made once for all processes of a test run (pytest-xdist): by whoever needs it first, while others wait."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path


def once(base: Path, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that `make` has filled, for reading only; where that fails, the next one tries again.

    Args:
        base: pytest's folder of this process (`getbasetemp`).
        name: of what is made.
        make: given an empty folder.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # the whole run's, in which each process has its own
    made, making = base / name, base / f"{name}.new"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            make(making)
            making.rename(made)
    return made
