"""The files in which prometheus-client keeps a gateway's figures, with their space taken at once.

They are there so that the admin listener can show the figures though every gateway process is busy or gone.
The library makes them sparse and maps them into memory: on a full disk the first write to a page that has no place
there yet would be a SIGBUS, the end of the process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import mark_process_dead

# Names their folder; without it figures are kept in memory.
FILES_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

# Whose figures are added up; a gauge's are of a process that lives.
_COUNTING = ("counter", "histogram", "summary")
# Fractions that are added in another order may come out lower by a rounding, which Prometheus would take for a restart.
_NUDGE = 1e-6
# Processes that ended, and whose files are still there.
_ended: set[int] = set()

# For each kind of series (counter, gauge, histogram, summary): some thousands of them.
BYTES = 2**20


class AllocatedFile(MmapedDict):
    """A file of figures whose pages are there from the beginning.

    Raises:
        OSError: there is no space.
    """

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not read_mode:
            with open(filename, "ab") as file:
                os.posix_fallocate(file.fileno(), 0, BYTES)
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]


def install() -> None:
    """Have every file that this process makes from now on be one of these."""
    values.MmapedDict = AllocatedFile  # type: ignore[attr-defined]


@contextmanager
def reading() -> Iterator[None]:
    """Read the files together: meanwhile nothing is moved from one to another."""
    with _locked(fcntl.LOCK_SH):
        yield


def forget(pid: int) -> None:
    """Take in that a process ended.

    Its gauges are dropped: else they say for ever what was true last. What it counted stays, in one file with all
    others that ended, so that no number of them fills the disk.
    """
    mark_process_dead(pid)  # type: ignore[no-untyped-call]
    _ended.add(pid)
    # While someone reads, or the disk is full, the files stay until the next process ends.
    with contextlib.suppress(OSError), _locked(fcntl.LOCK_EX | fcntl.LOCK_NB):
        while _ended:
            for kind in _COUNTING:
                _move(_path(kind, str(min(_ended))), _path(kind, "ended"))
            _ended.remove(min(_ended))


def _move(source: Path, target: Path) -> None:
    """Add the figures in a file to those of another one, in whose place they are from then on."""
    if not source.exists():
        return
    total = AllocatedFile(str(target))
    try:
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(source)):  # type: ignore[no-untyped-call]
            moved = total.read_value(key)[0] + value  # type: ignore[no-untyped-call]
            total.write_value(key, moved if moved.is_integer() else moved + _NUDGE, 0.0)  # type: ignore[no-untyped-call]
        source.unlink()
    finally:
        total.close()  # type: ignore[no-untyped-call]


def _path(kind: str, owner: str) -> Path:
    return Path(os.environ[FILES_VARIABLE], f"{kind}_{owner}.db")


@contextmanager
def _locked(how: int) -> Iterator[None]:
    """Hold the lock of their folder, which ends with whoever holds it."""
    folder = os.open(os.environ[FILES_VARIABLE], os.O_RDONLY)
    try:
        fcntl.flock(folder, how)
        yield
    finally:
        os.close(folder)
