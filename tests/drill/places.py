"""What several drills need: a registry with one model, the usual request, and a look at the service's figures."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from mulgam.registry import Registry
from tests import builders
from tests.callers import post
from tests.processes import Serving, call

BACKENDS = ("onnxruntime", "torchserve")
REQUEST = post("/predict/notes", {"instances": [list(row) for row in builders.NOTES_ROWS]})


def registry(folder: Path) -> Registry:
    """`notes` alone, one version."""
    builders.publish_linear(folder / "registry")
    return Registry(folder / "registry")


def seconds_until(condition: Callable[[], bool], most: float) -> float:
    """How long it took until a condition held; infinity past the time."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > most:
            return float("inf")
        time.sleep(0.01)
    return time.monotonic() - began


def metric(service: Serving, series: str) -> float:
    """A series' value on the admin listener; 0 where it is not there."""
    for line in call(service.admin_port, "GET", "/metrics").body.decode().splitlines():
        if line.startswith(series + " "):
            return float(line.rpartition(" ")[2])
    return 0.0


def breaker_is_open(service: Serving) -> bool:
    """Whether the breaker of `notes` is open."""
    reply = service.readyz()
    return reply is not None and reply.json["models"]["notes"]["breaker"] == "open"
