"""How many files and connections may be open: shells allow 1,024, the system many more, which the service takes."""

from __future__ import annotations

import fcntl
import os
import resource

MOST = 65_536


def reachable() -> int:
    """As many as `take` makes possible."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (soft, hard):
        return MOST
    return max(soft, min(hard, MOST))


def take() -> None:
    """Allow them to this process and to those that it starts from now on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < reachable():
        resource.setrlimit(resource.RLIMIT_NOFILE, (reachable(), hard))


def spread() -> None:
    """Have the kernel's table of this process's descriptors as large as it may become, once and for all.

    It doubles as descriptors come, and where there are threads each time waits for every core to have let go of the old
    one (Linux, `expand_fdtable`: `synchronize_rcu`): the 257th connection held an event loop up for 13 to 33 ms.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST if soft == resource.RLIM_INFINITY else min(soft, MOST)
    opened = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.close(fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, most - 1))
    finally:
        os.close(opened)
