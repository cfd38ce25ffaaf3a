"""Which core the servers get and which the load generator; children inherit what their parent had at their start."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Cores:
    """One core each; None where the machine has too few, or can't pin."""

    server: int | None
    load: int | None

    @property
    def are_pinned(self) -> bool:
        """Whether server and load generator are kept apart."""
        return self.server is not None


def choose() -> Cores:
    """The first core that we may use for the load, the second for the servers."""
    if not hasattr(os, "sched_getaffinity"):
        return Cores(None, None)
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[1], allowed[0]) if len(allowed) > 1 else Cores(None, None)


def two_servers() -> tuple[set[int], int | None]:
    """Two cores for servers, and one for the load where there is a third; where none can be pinned to: `choose`."""
    allowed = sorted(os.sched_getaffinity(0))
    return set(allowed[-2:]), allowed[0] if len(allowed) > 2 else None


def on(core: int | None) -> contextlib.AbstractContextManager[None]:
    """What is started within inherits the core; this thread gets its own back."""
    return among(None if core is None else {core})


@contextlib.contextmanager
def among(some: set[int] | None) -> Iterator[None]:
    """The same with several cores; None: any."""
    if some is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, some)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
