"""The files in which prometheus-client keeps a gateway's figures, with their space taken at once.

They are there so that the admin listener can show the figures though every gateway process is busy or gone.
The library makes them sparse and maps them into memory: on a full disk the first write to a page that has no place
there yet would be a SIGBUS, the end of the process.
"""

from __future__ import annotations

import os

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import mark_process_dead

# Names their folder; without it figures are kept in memory.
FILES_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

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


def forget(pid: int) -> None:
    """Drop the gauges of a process that ended: else they say for ever what was true last. Its counters stay."""
    mark_process_dead(pid)  # type: ignore[no-untyped-call]
