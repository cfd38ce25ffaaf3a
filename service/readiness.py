"""Readiness that means it: golden requests replayed through the real backend, compared with their answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from service.backends.base import Backend
from service.errors import ApiError
from service.prediction import predict
from service.served import Catalogue, Served

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """What the last replay of a model found; `cause` says why it is not ready.

    `wrong` where it answered, but not what is stored: then no answer of it may be passed on.
    """

    ready: bool
    cause: str | None = None
    wrong: bool = False


class Readiness:
    """Replays each model's golden requests at an interval, all at the first time, one at a time later.

    The replays call the backend directly: they pass by the gateway's queue and limits, so that a full
    gateway is not taken for a broken one.
    """

    def __init__(self, catalogue: Catalogue, backend: Backend, interval: float) -> None:
        self._catalogue = catalogue
        self._backend = backend
        self._interval = interval
        self._states = {served.name: State(False, "no golden request was answered yet") for served in catalogue}
        self._turn = dict.fromkeys(self._states, 0)

    @property
    def states(self) -> Mapping[str, State]:
        """The present state of each model."""
        return self._states

    def ready(self) -> dict[str, bool]:
        """Model -> whether it is ready."""
        return {model: state.ready for model, state in self._states.items()}

    async def watch(self) -> None:
        """Replay for ever; cancel to end."""
        while True:
            await self.replay()
            await asyncio.sleep(self._interval)

    async def replay(self) -> None:
        """Replay for every model at once, so that a slow one does not hide the others."""
        await asyncio.gather(*(self._replay_one(served) for served in self._catalogue))

    async def _replay_one(self, served: Served) -> None:
        before = self._states[served.name]
        requests = served.entry.golden
        if before.ready:
            turn = self._turn[served.name] = (self._turn[served.name] + 1) % len(requests)
            requests = [requests[turn]]
        cause = None
        wrong = False
        for golden in requests:
            tensors = served.encoder.encode(golden.instances)
            try:
                output = await predict(served, tensors, self._backend, timeout=max(1.0, 2 * self._interval))
            except ApiError as problem:
                cause = str(problem)
            else:
                cause = golden.mismatch(output, served.tolerance)
                wrong = cause is not None
            if cause is not None:
                break
        self._states[served.name] = State(cause is None, cause, wrong)
        if cause is not None and before.ready:
            log.warning("model %s is not ready: %s", served.name, cause)
        elif cause is None and not before.ready:
            log.info("model %s version %d is ready", served.name, served.version)
