"""Readiness that means it: golden requests replayed through the real backend, compared with their answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mulgam.golden import Golden
from service.backends.base import Backend
from service.backends.prediction import predict
from service.errors import BackendError
from service.resilience.breaker import Breakers
from service.versions.served import Catalogue, Served

log = logging.getLogger(__name__)


def patience_of(interval: float) -> float:
    """Seconds for which a golden answer is waited for, where one is asked for at such intervals."""
    return max(1.0, 2 * interval)


@dataclass(frozen=True)
class State:
    """What the last replay of a model found; `cause` says why it is not ready.

    `wrong` where it answered, but not what is stored: then no answer of it may be passed on.
    """

    ready: bool
    cause: str | None = None
    wrong: bool = False


# Before the first golden answer.
UNTRIED = State(False, "no golden request was answered yet")


class Readiness:
    """Replays each model's golden requests at an interval, all at the first time, one at a time later.

    The replays call the backend directly: they pass by the gateway's queue and limits, so that a full
    gateway is not taken for a broken one.

    Args:
        catalogue: what is served.
        backend: computes it.
        interval: seconds from one replay to the next.
        breakers: told how each replay ends; the first fault of a call brings a replay at once.
    """

    def __init__(self, catalogue: Catalogue, backend: Backend, interval: float, breakers: Breakers) -> None:
        self._catalogue = catalogue
        self._breakers = breakers
        self._suspicion = asyncio.Event()
        breakers.suspected = self._suspicion.set
        self._backend = backend
        self._interval = interval
        self._states = dict.fromkeys(catalogue.versions, UNTRIED)
        self.wrong: frozenset[Served] = frozenset()
        self._turn = 0
        self._stopping = False

    @property
    def states(self) -> Mapping[str, State]:
        """The present state of each model, which is that of its default."""
        return {served.name: self.of(served) for served in self._catalogue}

    def of(self, served: Served) -> State:
        """The present state of a version."""
        state = self._states[served]
        return State(False, "the gateway is stopping", state.wrong) if self._stopping else state

    def found(self, served: Served) -> State:
        """What the last replay of a version found, though the process may be stopping."""
        return self._states[served]

    def stop(self) -> None:
        """Say no from now on: the process ends, though it still answers."""
        self._stopping = True

    def ready(self) -> dict[str, bool]:
        """Model -> whether it is ready."""
        return {model: state.ready for model, state in self.states.items()}

    async def watch(self) -> None:
        """Replay for ever; cancel to end."""
        while True:
            due = time.monotonic() + self._interval
            self._suspicion.clear()
            await self.replay()
            # A replay that took long was in vain, or the machine is busy: the next one is due soon either way.
            pause = max(due - time.monotonic(), self._interval / 10)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._suspicion.wait(), pause)

    def follow(self, catalogue: Catalogue) -> None:
        """Replay for another set of versions from now on; each of them has just given its golden answers."""
        known = self._catalogue
        self._catalogue = catalogue
        self._tell({
            served: self._states[served] if known.serves(served) else State(True)
            for served in catalogue.versions
        })  # fmt: skip

    async def replay(self) -> None:
        """Replay for every version at once, so that a slow one does not hide the others."""
        self._turn += 1
        await asyncio.gather(*(self._replay_one(served) for served in self._catalogue.versions))

    async def verdict(self, served: Served, requests: Sequence[Golden]) -> State:
        """What a version answers to these requests, whether it is served yet or not."""
        for golden in requests:
            tensors = served.encoder.encode(golden.instances)
            try:
                output = await predict(served, tensors, self._backend, timeout=patience_of(self._interval))
            except BackendError as problem:
                self._breakers.judge(served, problem, patience_of(self._interval))
                return State(False, str(problem))
            self._breakers.of(served).succeeded()
            mismatch = golden.mismatch(output, served.tolerance)
            if mismatch is not None:
                return State(False, mismatch, wrong=True)
        return State(True)

    async def _replay_one(self, served: Served) -> None:
        before = self._states[served]
        requests = served.entry.golden
        state = await self.verdict(served, [requests[self._turn % len(requests)]] if before.ready else requests)
        if self._catalogue.serves(served):
            self._tell({**self._states, served: state})
        if self._stopping:
            return
        if before.ready and not state.ready:
            log.warning(self._alarm(served), served.name, state.cause)
        elif state.ready and not before.ready:
            log.info("model %s version %d is ready", served.name, served.version)

    def _alarm(self, served: Served) -> str:
        """What is said where a version is not ready any more, with places for the model and the cause."""
        line_up = self._catalogue.line_ups.get(served.name)
        if line_up is None or line_up.default is served:
            return "model %s is not ready: %s"
        if line_up.canary is served:
            return "the canary of model %s is not ready, the default takes its share: %s"
        return "the shadow of model %s is not ready: %s"

    def _tell(self, states: dict[Served, State]) -> None:
        self._states = states
        self.wrong = frozenset(served for served, state in states.items() if state.wrong)
