"""How many files and connections may be open: shells allow 1,024, the system many more, which the service takes."""

from __future__ import annotations

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
