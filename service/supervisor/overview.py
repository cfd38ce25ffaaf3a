"""What the supervisor knows of its processes, and what it answers about them on the admin listener."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mulgam.serving import CANARY, Choice
from service.process.status import Status
from service.resilience.readiness import State

_UNTOLD = State(False, "the gateway process says nothing of it")


@dataclass
class Overview:
    """Each gateway's last word, and whether the start is over.

    A gateway that is silent is hung or gone: it does not count. With none left nothing is ready, and after the
    grace nothing is alive.
    """

    models: tuple[str, ...]
    grace: float
    gateways: int = 1
    statuses: dict[int, Status] = field(default_factory=dict)
    started: bool = False
    stopping: bool = False
    began: float = field(default_factory=time.monotonic)
    # Model -> the versions that are served, canary and shadow included.
    choices: Mapping[str, Choice] = field(default_factory=dict)
    # Model, "model role" (or "serving.json") -> why the last change of what is served was not carried out.
    refused: dict[str, str] = field(default_factory=dict)
    # The generation of serving.json that was dealt with last: carried out, or refused.
    followed: int = 0

    def __post_init__(self) -> None:
        self.statuses = {index: Status() for index in range(self.gateways)}

    def states(self) -> Mapping[str, State]:
        """Each model's state now: ready where every gateway that speaks says so."""
        if self.stopping:
            return dict.fromkeys(self.models, State(False, "the service is stopping"))
        fresh = self.fresh()
        # At the start all of them must have come up; later the others carry on.
        if not fresh or (not self.started and len(fresh) < self.gateways):
            return dict.fromkeys(self.models, State(False, "the gateway process is not answering"))
        return {model: _joined([status.models.get(model, _UNTOLD) for status in fresh]) for model in self.models}

    def fresh(self) -> list[Status]:
        """What the gateways tell that are to be believed."""
        return [status for status in self.statuses.values() if status.fresh]

    def trials(self, model: str) -> dict[str, dict[str, Any]]:
        """Role -> version, state and, of a canary, the share that it is to have: what is served beside the default."""
        choice = self.choices.get(model)
        if choice is None:
            return {}
        found: dict[str, dict[str, Any]] = {}
        for role, version in choice.trials.items():
            states = [_trial(status, model, role, version) for status in self.fresh()]
            state = _joined(states or [_UNTOLD])
            found[role] = {"version": version, "ready": state.ready, "cause": state.cause}
            if role == CANARY:
                found[role]["share"] = choice.share
        return found

    def refused_by_gateways(self) -> dict[str, str]:
        """Model, or "model role", -> why a gateway did not take its new version."""
        return {model: why for status in self.fresh() for model, why in status.refused.items()}

    def broken(self) -> frozenset[str]:
        """The models whose breaker is open in some gateway."""
        return frozenset(model for status in self.fresh() for model in status.broken)

    def held(self) -> frozenset[tuple[str, int]]:
        """The versions that tables under way need, in some gateway."""
        return frozenset(version for status in self.fresh() for version in status.held)

    def ready(self) -> dict[str, bool]:
        """Model -> whether it is ready."""
        return {model: state.ready for model, state in self.states().items()}

    @property
    def is_ready(self) -> bool:
        """At the start every model must answer; later one is enough, so that a broken one does not stop the rest."""
        ready = self.ready().values()
        return any(ready) if self.started else all(ready)

    @property
    def is_alive(self) -> bool:
        """False where a restart of everything could help: the gateways stay silent though they are restarted."""
        last = max(self.began, *(status.at for status in self.statuses.values()))
        return any(status.fresh for status in self.statuses.values()) or time.monotonic() - last < self.grace


def _trial(status: Status, model: str, role: str, version: int) -> State:
    """A canary's or shadow's state in one gateway, which may have refused it, or be about to load it."""
    cause = status.refused.get(f"{model} {role}", "it is being loaded")
    return status.trials.get((model, version), State(False, cause))


def _joined(states: list[State]) -> State:
    return next((state for state in states if not state.ready), states[0])
