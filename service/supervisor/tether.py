"""`python tether.py PARENT COMMAND…`: become COMMAND, ended when the parent process dies.

Linux sends the signal by itself (prctl(2), PR_SET_PDEATHSIG), so that even `kill -9` of the supervisor
leaves no TorchServe behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie this process to its parent, then replace it by the command."""
    parent, *command = arguments
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != int(parent):  # it died before the call above
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the supervisor's own command line


if __name__ == "__main__":
    main(sys.argv[1:])
