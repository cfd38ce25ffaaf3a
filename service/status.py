"""What a gateway process tells its supervisor, a JSON line at a time over an inherited pipe.

The line is written by a task on the event loop: that it keeps coming says that the loop is alive.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from service.readiness import State

# A loop that has been silent for longer than this is hung.
STALE_SECONDS = 3.0
INTERVAL_SECONDS = 0.25


@dataclass(frozen=True)
class Status:
    """The models' states, and when they were told (`time.monotonic`); without a time, never."""

    models: Mapping[str, State] = field(default_factory=dict)
    at: float = float("-inf")

    @property
    def fresh(self) -> bool:
        """Whether the process told it lately enough to be believed."""
        return time.monotonic() - self.at < STALE_SECONDS


def to_line(states: Mapping[str, State]) -> bytes:
    """The states as one line."""
    models = {model: {"ready": state.ready, "cause": state.cause} for model, state in states.items()}
    return json.dumps(models).encode() + b"\n"


def from_line(line: bytes) -> Status:
    """The status in a line, stamped with the present time; ValueError where the line was cut off."""
    models = {model: State(item["ready"], item["cause"]) for model, item in json.loads(line).items()}
    return Status(models, time.monotonic())
