"""Two gateway processes on two cores beside one on one, the load generator's share told apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.bench import cores
from tests.bench.cells import Sample
from tests.bench.contestants.mulgam import MulgamEmbedded
from tests.bench.cores import Cores
from tests.bench.errors import BenchError
from tests.bench.report import number, shown, table
from tests.bench.under_load.bench import Bench, Part, Ratio

AIM = 1.6


@dataclass(frozen=True)
class _Found:
    """One measurement, and the CPU seconds that each gateway process took of it."""

    sample: Sample
    gateways: tuple[float, ...]

    @property
    def server(self) -> float:
        """Cores that the service used."""
        return self.sample.rate * self.sample.cpu / 1e6

    @property
    def busiest(self) -> float:
        """The share that the busiest gateway had of what all took."""
        return max(self.gateways) / sum(self.gateways)


class Gateways(Part):
    """`MULGAM_GATEWAYS`: 1 and 2."""

    name = "gateways"
    title = "Two gateway processes"

    def __init__(self) -> None:
        self._found: dict[int, list[_Found]] = {1: [], 2: []}
        self._apart = False

    def seconds(self, seconds: int) -> float:
        """See `Part.seconds`."""
        return 2 * (4 + seconds)

    def round(self, bench: Bench) -> None:
        """See `Part.round`."""
        if not bench.cores.are_pinned:
            raise BenchError("two gateways are compared with one on cores of their own, and here none can be pinned to")
        servers, load = cores.two_servers()
        self._apart = load is not None
        for count, found in self._found.items():
            bench.say(f"  gateway processes: {count}")
            place = bench.place()
            if count == 2:
                place = replace(place, cores=Cores(None, load))
            with (
                cores.among(servers if count == 2 else None),
                bench.started(MulgamEmbedded(gateways=str(count)), place) as running,
            ):
                processes = running.tree.members("service.gateway")
                before = [sum(one.cpu_times()[:2]) for one in processes]
                sample = bench.closed_loop(running)
                taken = tuple(sum(one.cpu_times()[:2]) - was for one, was in zip(processes, before, strict=True))
                found.append(_Found(sample, taken))

    def section(self) -> str:
        """See `Part.section`."""
        head = [
            "gateway processes", "requests/s", "cores of the service", "cores of the generator", "CPU µs a request",
            "the busier process's share of their CPU time",
        ]  # fmt: skip
        rows = (
            [
                f"{count} on {count} core{'s' * (count > 1)}",
                shown([one.sample.rate for one in found]), shown([one.server for one in found]),
                shown([one.sample.generator for one in found]), shown([one.sample.cpu for one in found]),
                shown([one.busiest for one in found]),
            ]
            for count, found in self._found.items()
        )  # fmt: skip
        where = (
            "The generator has a core of its own."
            if self._apart
            else "The machine has two cores: beside two gateways, the generator takes its share of them, so the rate"
            " as measured is less than two gateways give."
        )
        return table(head, rows) + (
            f"\n\nMulgam embedded, the closed loop with 64 connections. {where} By CPU time: a core-second of one"
            " gateway gives 1 ÷ (CPU seconds a request) answers, two cores' twice that of theirs; that is what they"
            " could give with the generator elsewhere and both kept busy." + self._could_give()
        )

    def ratios(self) -> list[Ratio]:
        """See `Part.ratios`."""
        one, two = self._found[1], self._found[2]
        if not two:
            return []
        measured = "as measured" if self._apart else "as measured, the generator on the same two cores"
        return [
            Ratio("2 gateway processes on 2 cores ÷ 1 on 1: requests/s by CPU time",
                  [2 / found.sample.cpu for found in two], [1 / found.sample.cpu for found in one], AIM),
            Ratio(f"the same, {measured}", [found.sample.rate for found in two],
                  [found.sample.rate for found in one], AIM if self._apart else None),
        ]  # fmt: skip

    def _could_give(self) -> str:
        rates = [2e6 / found.sample.cpu for found in self._found[2]]
        return f" Here: {number(min(rates))} to {number(max(rates))} requests/s." if rates else ""
