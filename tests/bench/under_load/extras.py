"""What drift counting and a canary cost: throughput with them and without."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Sequence

from mulgam import serving
from mulgam.registry import Registry
from tests.bench.cells import Sample
from tests.bench.contestants.base import Place, RunningServer
from tests.bench.contestants.mulgam import MulgamEmbedded
from tests.bench.errors import BenchError
from tests.bench.model import Published, publish
from tests.bench.report import shown, table
from tests.bench.under_load.bench import Bench, Part, Ratio
from tests.processes import call, free_port, wait_until

AIM = 0.95
# Drift alone, which every service counts by default, is to cost less than that.
DRIFT_AIM = 0.98
# `mulgam canary` takes it where none is said.
CANARY_SHARE = 0.05
OFF, DRIFT, BOTH = "neither", "drift", "drift and a canary"
_CANARY_SECONDS = 30
# Of each in a round, in changing order; the middle one counts.
_TURNS = 3


class Extras(Part):
    """Neither, drift alone, drift and a canary."""

    name = "extras"
    title = "Drift counting and a canary"

    def __init__(self) -> None:
        self._found: dict[str, list[Sample]] = {OFF: [], DRIFT: [], BOTH: []}
        self._two: Published | None = None

    def seconds(self, seconds: int) -> float:
        """See `Part.seconds`."""
        return 3 * (4 + MulgamEmbedded.warm_up + _TURNS * seconds)

    def round(self, bench: Bench) -> None:
        """See `Part.round`: all three are there, and each is measured as often, one after the other."""
        samples: dict[str, list[Sample]] = {variant: [] for variant in self._found}
        with contextlib.ExitStack() as stack:
            running = {variant: stack.enter_context(self._started(bench, variant)) for variant in samples}
            for turn in range(_TURNS):
                variants = [OFF, DRIFT, BOTH]
                for variant in variants[turn:] + variants[:turn]:
                    bench.say(f"  {variant}")
                    samples[variant].append(bench.closed_loop(running[variant]))
        for variant, found in samples.items():
            self._found[variant].append(sorted(found, key=lambda sample: sample.rate)[_TURNS // 2])

    def section(self) -> str:
        """See `Part.section`."""
        rows = (
            [variant, shown([one.rate for one in found]), shown([one.p50 for one in found]),
             shown([one.cpu for one in found]), str(sum(one.failed for one in found))]
            for variant, found in self._found.items()
        )  # fmt: skip
        return table(["on", "requests/s", "p50 ms", "CPU µs a request", "failed"], rows) + (
            "\n\nMulgam embedded, the closed loop with 64 connections; in a round all three are there and measured in"
            f" turn, {_TURNS} times each: the middle one counts. Off is `MULGAM_DRIFT_HALF_LIFE=0`; the canary is"
            f" a second version of the same model with {CANARY_SHARE:.0%} of the requests, which are computed apart."
        )

    def ratios(self) -> list[Ratio]:
        """See `Part.ratios`."""
        off = self._found[OFF]
        found = []
        for variant in (DRIFT, BOTH) if off else ():
            found += _ratios(f"{variant} on ÷ off", self._found[variant], off, AIM)
            if variant == DRIFT:
                found += _ratios("its own bar, under 2 % of throughput", self._found[variant], off, DRIFT_AIM)
        return found

    @contextlib.contextmanager
    def _started(self, bench: Bench, variant: str) -> Iterator[RunningServer]:
        admin_port = free_port()
        settings = {"admin_port": str(admin_port), **({"drift_half_life": "0"} if variant == OFF else {})}
        with bench.started(MulgamEmbedded(**settings), self._place(bench, variant)) as running:
            if variant == BOTH:
                _wait_for_canary(admin_port, bench.model.name)
            yield running

    def _place(self, bench: Bench, variant: str) -> Place:
        if variant != BOTH:
            return bench.place()
        if self._two is None:
            self._two = _with_canary(bench)
        return dataclasses.replace(bench.place(), model=self._two)


def _ratios(text: str, on: Sequence[Sample], off: Sequence[Sample], aim: float) -> list[Ratio]:
    return [
        Ratio(f"{text}: requests/s", [one.rate for one in on], [one.rate for one in off], aim),
        Ratio("the same by CPU time", [1 / one.cpu for one in on], [1 / one.cpu for one in off], aim),
    ]


def _with_canary(bench: Bench) -> Published:
    """A registry of its own with two versions."""
    folder = bench.folder / "canary"
    folder.mkdir()
    first = publish(bench.model.name, folder)
    publish(bench.model.name, folder)
    registry = Registry(first.registry)
    serving.promote(registry, first.name, 1)
    serving.canary(registry, first.name, 2, CANARY_SHARE)
    return first


def _wait_for_canary(admin_port: int, model: str) -> None:
    def is_ready() -> bool:
        told = json.loads(call(admin_port, "GET", "/readyz").body)
        return bool(told["models"][model].get("canary", {}).get("ready"))

    try:
        wait_until(is_ready, _CANARY_SECONDS, "the canary")
    except AssertionError as problem:
        raise BenchError(str(problem)) from None
