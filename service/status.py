"""What supervisor and gateway process tell each other, a JSON line at a time over pipes.

The gateway tells its state; the line is written by a task on the event loop: that it keeps coming says that the
loop is alive. The supervisor tells which versions are to be served.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from service.readiness import State

# A loop that has been silent for longer than this is hung.
STALE_SECONDS = 3.0
INTERVAL_SECONDS = 0.25


@dataclass(frozen=True)
class Status:
    """The models' states, and when they were told (`time.monotonic`); without a time, never.

    `generation` is that of the last order that was carried out, `refused` why a model of it was not. `broken` names
    the models whose breaker is open, `held` the versions that tables need which are under way.
    """

    models: Mapping[str, State] = field(default_factory=dict)
    at: float = float("-inf")
    generation: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)
    broken: Sequence[str] = ()
    held: Sequence[tuple[str, int]] = ()

    @property
    def fresh(self) -> bool:
        """Whether the process told it lately enough to be believed."""
        return time.monotonic() - self.at < STALE_SECONDS


def to_line(status: Status) -> bytes:
    """The status as one line, without its time."""
    document = {
        "models": {model: {"ready": state.ready, "cause": state.cause} for model, state in status.models.items()},
        "generation": status.generation,
        "refused": dict(status.refused),
        "broken": list(status.broken),
        "held": list(status.held),
    }
    return json.dumps(document).encode() + b"\n"


def from_line(line: bytes) -> Status:
    """The status in a line, stamped with the present time; ValueError where the line was cut off."""
    told = json.loads(line)
    models = {model: State(item["ready"], item["cause"]) for model, item in told["models"].items()}
    held = tuple((model, version) for model, version in told["held"])
    return Status(models, time.monotonic(), told["generation"], told["refused"], tuple(told["broken"]), held)


@dataclass(frozen=True)
class Order:
    """The versions that are to be served, and the generation of the plan that says so."""

    generation: int
    versions: Mapping[str, int]

    def to_line(self) -> bytes:
        """The order as one line."""
        return json.dumps({"generation": self.generation, "versions": dict(self.versions)}).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Order:
        """The order in a line."""
        told = json.loads(line)
        return cls(told["generation"], told["versions"])
