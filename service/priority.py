"""Who gives way on a busy core: the event loop answers everybody, a thread or a process only one caller."""

from __future__ import annotations

import os
import sys

# Not much more: a thread that ends may hold the lock of the interpreter, and then the event loop waits for it.
_NICENESS_OF_THREADS = 5
_MOST = 19


def stand_back() -> None:
    """Let the event loop go before this thread; elsewhere than on Linux this would be the whole process."""
    if sys.platform == "linux":
        os.nice(_NICENESS_OF_THREADS)


def stand_last() -> None:
    """Let everything else go before this process, which shares no lock with anybody."""
    os.nice(_MOST)


def step_aside() -> None:
    """Let the event loop go now, where it waits for this thread's core; else it may wait for the kernel's next tick."""
    os.sched_yield()
