"""What supervisor and gateway process tell each other, a JSON line at a time over pipes.

The gateway tells its state; the line is written by a task on the event loop: that it keeps coming says that the
loop is alive. The supervisor tells which versions are to be served.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mulgam.serving import Choice, from_document, to_document
from service.resilience.readiness import State

# A loop that has been silent for longer than this is hung.
STALE_SECONDS = 3.0
INTERVAL_SECONDS = 0.25


@dataclass(frozen=True)
class Status:
    """The models' states, and when they were told (`time.monotonic`); without a time, never.

    `generation` is that of the last order that was carried out, `refused` why a model of it was not. `broken` names
    the models whose breaker is open, `held` the versions that tables need which are under way, `trials` the states of
    canaries and shadows by model and version.
    """

    models: Mapping[str, State] = field(default_factory=dict)
    at: float = float("-inf")
    generation: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)
    broken: Sequence[str] = ()
    held: Sequence[tuple[str, int]] = ()
    trials: Mapping[tuple[str, int], State] = field(default_factory=dict)

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
        "trials": [[*version, state.ready, state.cause] for version, state in status.trials.items()],
    }
    return json.dumps(document).encode() + b"\n"


def from_line(line: bytes) -> Status:
    """The status in a line, stamped with the present time; ValueError where the line was cut off."""
    told = json.loads(line)
    models = {model: State(item["ready"], item["cause"]) for model, item in told["models"].items()}
    held = tuple((model, version) for model, version in told["held"])
    trials = {(model, version): State(ready, cause) for model, version, ready, cause in told["trials"]}
    return Status(models, time.monotonic(), told["generation"], told["refused"], tuple(told["broken"]), held, trials)


@dataclass(frozen=True)
class Order:
    """The versions that are to be served, and the generation of the plan that says so."""

    generation: int
    choices: Mapping[str, Choice]

    @property
    def versions(self) -> set[tuple[str, int]]:
        """Every model and version that has to be loaded."""
        return {
            (model, version)
            for model, choice in self.choices.items()
            for version in (choice.default, *choice.trials.values())
        }

    def defaults(self) -> Order:
        """What a process begins with: defaults alone, so that no canary can keep it from starting. Where that is not
        all of the order, its generation is not reached by it."""
        plain = {model: Choice(choice.default) for model, choice in self.choices.items()}
        return Order(0 if any(choice.trials for choice in self.choices.values()) else self.generation, plain)

    def to_line(self) -> bytes:
        """The order as one line."""
        models = {model: to_document(choice) for model, choice in self.choices.items()}
        return json.dumps({"generation": self.generation, "models": models}).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Order:
        """The order in a line."""
        told = json.loads(line)
        choices = {model: from_document(choice, f"the order for {model}") for model, choice in told["models"].items()}
        return cls(told["generation"], choices)
