"""What the supervisor knows of its processes, and what it answers about them on the admin listener."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from service.readiness import State
from service.status import Status


@dataclass
class Overview:
    """The gateway's last word, and whether the start is over.

    A gateway that is silent is hung or gone: then nothing is ready, and after the grace nothing is alive.
    """

    models: tuple[str, ...]
    grace: float
    status: Status = field(default_factory=Status)
    started: bool = False
    stopping: bool = False
    began: float = field(default_factory=time.monotonic)

    def states(self) -> Mapping[str, State]:
        """Each model's state now."""
        if self.stopping:
            return {model: State(False, "the service is stopping") for model in self.models}
        if not self.status.fresh:
            return {model: State(False, "the gateway process is not answering") for model in self.models}
        return self.status.models

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
        """False where a restart of everything could help: the gateway stays silent though it is restarted."""
        last = max(self.status.at, self.began)
        return self.status.fresh or time.monotonic() - last < self.grace
