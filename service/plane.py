"""The data plane: what is served, by which backend, batched how, measured how. It knows no protocol."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from mulgam.tensors import Arrays, rows_of
from service.backends.base import Backend
from service.backends.prediction import checked
from service.errors import backend_unavailable
from service.keys import Keys
from service.metrics.recording import Metrics
from service.offload.client import Offload
from service.protocols.base import Output
from service.queueing.batcher import Batcher
from service.queueing.gather import Gather
from service.queueing.job import Job, Told, outcome_of
from service.queueing.polling import Polling
from service.resilience.attempts import Attempts
from service.resilience.breaker import Breakers
from service.resilience.readiness import Readiness, State, patience_of
from service.resilience.retry import RetryBudget
from service.settings import Settings
from service.shadow.shadowing import Shadowing
from service.telemetry.trace import Trace, Tracing, current
from service.versions.ranges import Outside
from service.versions.served import Catalogue, LineUp, Served

_BROKEN = State(False, "it gives no answers (its breaker is open)")


@dataclass
class _Lingering:
    """A version that is served no more, and when it was last asked for by its number."""

    served: Served
    asked: float = field(default_factory=time.monotonic)


class DataPlane:
    """Everything that a road to a prediction needs, in one place; its methods run on the event loop.

    Args:
        settings: of this process.
        catalogue: the served models.
        backend: computes their predictions.
        metrics: where they are counted.
        tracing: takes callers' traces over.
        keys: that callers must show; None asks for none.
        offload: takes large bodies; None: they are parsed in the thread that answers them.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        backend: Backend,
        metrics: Metrics,
        tracing: Tracing | None = None,
        keys: Keys | None = None,
        offload: Offload | None = None,
    ) -> None:
        self.settings = settings
        self.keys = keys
        self.offload = offload
        self.runtime = runtime_of(settings)
        self.rejects_out_of_range = settings.rejects_out_of_range
        self.catalogue = catalogue
        self.backend = backend
        self.metrics = metrics
        self.tracing = tracing or Tracing()
        patience = patience_of(settings.ready_interval)
        self.breakers = Breakers(settings.breaker_faults, patience, self._breaker_changed)
        self.readiness = Readiness(catalogue, backend, settings.ready_interval, self.breakers)
        self._attempts = Attempts(backend, self.breakers, RetryBudget(settings.retry_share), metrics)
        # Model and number of such a version that may still be asked for -> the version, and when it last was.
        self._lingering: dict[tuple[str, str], _Lingering] = {}
        self._held: Counter[Served] = Counter()
        self.is_draining = False
        self.is_closing = False
        # By whether the rows are real ones, too: no batch holds both, for one counts as a whole.
        self._queues: dict[tuple[Served, bool], tuple[Gather, Batcher]] = {}
        self._polling = Polling(settings.busy_poll)
        self._shadowing = Shadowing(backend, metrics, settings.request_timeout)
        self.shadowing = self._shadowing.follow(catalogue)
        for served in catalogue.versions:
            self._begin(served)

    def follow(self, catalogue: Catalogue) -> list[Served]:
        """Serve another set of versions from now on; requests under way end with the version they began with.

        Returns:
            The versions that are served no more.
        """
        old = [served for served in self.catalogue.versions if not catalogue.serves(served)]
        for served in catalogue.versions:
            if not self.catalogue.serves(served):
                self._begin(served)
                self._lingering.pop((served.name, str(served.version)), None)
        for canary, _ in self._canaries():
            self.metrics.canary(canary, 0.0)
        self.catalogue = catalogue
        self.readiness.follow(catalogue)
        self.shadowing = self._shadowing.follow(catalogue)
        for served in old:
            if self.settings.linger:
                self._lingering[served.name, str(served.version)] = _Lingering(served)
            self.metrics.undescribe(served)
        return old

    def choose(self, line_up: LineUp, key: str) -> Served:
        """The version that answers requests with a key: the canary only while it is well."""
        chosen = line_up.of_key(key)
        return chosen if chosen is line_up.default else self.canary_of(line_up)

    def canary_of(self, line_up: LineUp) -> Served:
        """The version that answers for a canary: itself only while it is well."""
        canary = line_up.canary
        return canary if canary is not None and self.trial(canary).ready else line_up.default

    def find(self, model: str, version: str | None, key: str) -> Served:
        """The version that was asked for; where none was, the one that answers requests with this key.

        Raises:
            ApiError: 404 as `Catalogue.find`.
        """
        if version is None:
            return self.choose(self.catalogue.of_model(model), key)
        lingering = self._lingering.get((model, version))
        if lingering is not None:
            lingering.asked = time.monotonic()
            return lingering.served
        return self.catalogue.find(model, version)

    def trial(self, served: Served) -> State:
        """The state of a canary or shadow, of which requests are told nothing."""
        return _BROKEN if self.breakers.of(served).is_open else self.readiness.found(served)

    def flush(self) -> None:
        """Bring the metrics up to date."""
        for canary, share in self._canaries():
            self.metrics.canary(canary, share if self.trial(canary).ready else 0.0)
        self.metrics.flush()
        if self.offload is not None:
            self.offload.tidy()

    async def flushed(self) -> None:
        """`flush`, for a thread that wants to read the figures and has to ask the loop for it."""
        self.flush()

    def drain(self) -> None:
        """Answer on, and have callers go elsewhere: not ready, each connection closed with its answer."""
        self.is_draining = True
        self.readiness.stop()

    def hold(self, served: Served, count: int) -> None:
        """Requests that take long begin (1) or end (-1) with this version; it is kept for them."""
        self._held[served] += count
        if not self._held[served]:
            del self._held[served]

    def held_versions(self) -> Iterable[tuple[str, int]]:
        """The versions that are held now; one that both is and lingers comes twice."""
        lingering = (one.served for one in self._lingering.values())
        held = (*self._held, *(one for one in lingering if self._lingers(one)))
        yield from ((one.name, one.version) for one in held)

    def holds(self, served: Served) -> bool:
        """Whether a version is held now."""
        return served in self._held or self._lingers(served)

    def _lingers(self, served: Served) -> bool:
        """Whether a version that is served no more was asked for by its number lately."""
        one = self._lingering.get((served.name, str(served.version)))
        return one is not None and one.served is served and time.monotonic() - one.asked < self.settings.linger

    def forget(self, served: Served) -> None:
        """Nothing of this version is under way any more."""
        self._lingering = {key: one for key, one in self._lingering.items() if one.served is not served}
        for are_real in (True, False):
            self._queues.pop((served, are_real), None)
        self.breakers.forget(served)

    def outside(self, served: Served, tensors: Arrays, are_real: bool = True) -> Outside | None:
        """The numbers for which encoded rows are to be refused, where any are; counted. From any thread."""
        found = served.ranges.outside(tensors) if self.rejects_out_of_range else None
        if found is not None and are_real:
            self.metrics.outside(served, found.counts())
        return found

    async def predict(
        self, served: Served, tensors: Arrays, rows: int, timeout: float, are_real: bool = True
    ) -> Output:
        """The model's output for encoded tensors, for a coroutine.

        Raises:
            ApiError: as `ask`, or a BackendError (502, 503, 504).
        """
        begin = partial(self.ask, served, tensors, rows, timeout, trace=current.get(), are_real=are_real)
        return await outcome_of(begin)

    def ask(
        self, served: Served, tensors: Arrays, rows: int, timeout: float, told: Told, trace: Trace | None = None,
        are_real: bool = True,
    ) -> Job:  # fmt: skip
        """Have encoded tensors predicted: on the loop where that is cheap, else batched in a queue.

        Args:
            served: which model and version.
            tensors: the graph's inputs.
            rows: of each of them.
            timeout: seconds after which the answer is 504.
            told: called with the output or the error, after this turn of the loop.
            trace: that the request belongs to.
            are_real: False for rows that somebody only tries: they count neither for drift nor as predicted.

        Raises:
            ApiError: 503 where the queue is full, the breaker open or golden answers come out wrong.
        """
        if served in self.readiness.wrong:
            raise backend_unavailable(served.name)
        if self.breakers.of(served).is_open:
            self.metrics.rejected.labels("breaker").inc()
            raise backend_unavailable(served.name)
        gather, batcher = self._queues[served, are_real]
        if rows <= gather.most_rows:
            return gather.enqueue(tensors, rows, told)
        return batcher.enqueue(tensors, rows, timeout, told, trace)

    def _run_at_once(self, served: Served, are_real: bool, tensors: Arrays, rows: int) -> Output:
        """One call of a backend that does not wait, measured."""
        meters = self.metrics.of(served)
        started = time.perf_counter()
        try:
            answer = self.backend.at_once(served, tensors)
        finally:
            meters.backend_seconds.observe(time.perf_counter() - started)
        output = checked(served, answer, rows)
        meters.batch_rows.observe(rows)
        if are_real:
            meters.predicted(tensors, output)
        return output

    async def _run(self, served: Served, are_real: bool, tensors: Arrays, timeout: float) -> Output:
        """One call of the backend, measured."""
        rows = rows_of(tensors)
        if rows <= self.backend.idle_rows(served):
            return self._run_at_once(served, are_real, tensors, rows)
        meters = self.metrics.of(served)
        started = time.perf_counter()
        try:
            output = await self._attempts.predict(served, tensors, timeout)
        finally:
            meters.backend_seconds.observe(time.perf_counter() - started)
        meters.batch_rows.observe(len(output))
        if are_real:
            meters.predicted(tensors, output)
        return output

    def _canaries(self) -> Iterable[tuple[Served, float]]:
        """Each canary with the share that it is to have."""
        return ((one.canary, one.share) for one in self.catalogue.line_ups.values() if one.canary is not None)

    def _breaker_changed(self, served: Served, is_open: bool) -> None:
        self.metrics.broken(served, is_open)
        for are_real in (True, False):
            queues = self._queues.get((served, are_real))
            if is_open and queues is not None:
                queues[1].refuse(backend_unavailable(served.name))

    def _begin(self, served: Served) -> None:
        """What a version needs from its first request on."""
        most_rows = self.backend.cheap_rows(served)
        for are_real in (True, False):
            gather = Gather(partial(self._run_at_once, served, are_real), most_rows, self._polling)
            self._queues[served, are_real] = gather, self._batcher(served, are_real)
        self.metrics.describe(served, held_out_scores(served))

    def _batcher(self, served: Served, are_real: bool) -> Batcher:
        return Batcher(
            partial(self._run, served, are_real),
            workers=self.backend.workers,
            lanes=self.backend.lanes,
            max_rows=self.settings.max_batch_rows,
            max_waiting=self.settings.max_inflight,
            waited=self.metrics.of(served).queue_seconds.observe,
            refused=self.metrics.rejected.labels("queue_full").inc,
        )


def runtime_of(settings: Settings) -> str:
    """What computes the models: the tolerance of golden answers depends on it."""
    return "onnx" if settings.backend == "onnxruntime" else settings.runtime


def held_out_scores(served: Served) -> dict[str, float]:
    """The model's own scores on held-out rows, from the version's `metrics.json`."""
    scores = served.scores.get("scores", {})
    return {name: float(value) for name, value in scores.items() if isinstance(value, int | float)}
