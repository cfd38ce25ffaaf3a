"""Ctrl-C before a command has begun: imports take up to seconds, and a person need not see in which line."""

from __future__ import annotations

import os
import signal
from types import FrameType

INTERRUPTED = 130


def end_quietly() -> None:
    """From now on Ctrl-C ends the process with one sentence; where it was ignored, as under nohup, it stays so."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def raise_again() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt again, so that a run can put its things in order."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def ignore() -> None:
    """From now on Ctrl-C does nothing: all is done, and what the interpreter tidies up would end in a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end(number: int, frame: FrameType | None) -> None:
    # By the system's call: an exception here could end up in any import's `except`.
    os.write(2, b"\nInterrupted; nothing was begun.\n")
    os._exit(INTERRUPTED)
