"""Latency at a share of the capacity: requests that arrive by themselves, not when the last one is answered."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.cells import Sample
from tests.bench.contestants.bare import Bare
from tests.bench.contestants.mulgam import Mulgam, MulgamEmbedded, MulgamTorchServe
from tests.bench.open_loop import Arrivals
from tests.bench.report import counted, shown, table
from tests.bench.under_load.bench import Bench, Part

SHARES = (0.5, 0.8)
SERVERS: tuple[type[Mulgam], ...] = (MulgamEmbedded, MulgamTorchServe)


class Rates(Part):
    """Both backends, each at its own capacity's shares; and a server that does nothing, at the same rates.

    What that one's latencies are is the machine's and the generator's part of theirs.
    """

    name = "rates"
    title = "Latency at a share of the capacity"

    def __init__(self) -> None:
        self._capacities: dict[str, list[Sample]] = {}
        self._found: dict[tuple[str, float], list[Arrivals]] = {}
        self._bare: dict[tuple[str, float], list[Arrivals]] = {}

    def seconds(self, seconds: int) -> float:
        """See `Part.seconds`."""
        bare = 2 + len(SERVERS) * len(SHARES) * (seconds + 1)
        return bare + sum(5 + one.warm_up + (1 + len(SHARES)) * (seconds + 1) for one in SERVERS)

    def round(self, bench: Bench) -> None:
        """See `Part.round`."""
        rates: dict[tuple[str, float], float] = {}
        for made in SERVERS:
            bench.say(f"  {made.title}")
            with bench.started(made()) as running:
                capacity = bench.closed_loop(running)
                self._capacities.setdefault(made.title, []).append(capacity)
                for share in SHARES:
                    rates[made.title, share] = share * capacity.rate
                    found = bench.open_loop(running, share * capacity.rate)
                    self._found.setdefault((made.title, share), []).append(found)
        bench.say(f"  {Bare.title}")
        with bench.started(Bare()) as running:
            for key, rate in rates.items():
                self._bare.setdefault(key, []).append(bench.open_loop(running, rate))

    def section(self) -> str:
        """See `Part.section`."""
        head = [
            "backend",
            "share",
            "requests/s",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            "bare server, p50 ms",
            "p99 ms",
            "p99.9 ms",
            "failed",
            "sent late by, p99 ms",
            "cores of the generator",
        ]
        rows = [row for made in SERVERS for row in self._rows(made.title)]
        return table(head, rows) + (
            "\n\nThe capacity (share 1) is what the closed loop with 64 connections is answered, in the same round; its"
            " p99.9 is not taken. At 0.5 and 0.8 of it requests arrive as a Poisson process, and a latency counts from"
            " when the request was due, on a connection that is free or a new one, up to"
            " 1,000 of them. Bare server: granian with a fixed answer, at the same rate, on the same core: what its"
            " latencies are is the machine's and the generator's part, no service's. Failed: of all rounds. Sent late:"
            " the generator's own delay, which the latencies include."
        )

    def _rows(self, title: str) -> list[list[str]]:
        capacities = self._capacities.get(title, [])
        rows = [
            [title, "1", shown([one.rate for one in capacities]), shown([one.p50 for one in capacities]),
             shown([one.p99 for one in capacities]), "–", "–", "–", "–",
             str(sum(one.failed for one in capacities)), "–", shown([one.generator for one in capacities])]
        ]  # fmt: skip
        return rows + [
            ["", f"{share:g}", shown([one.rate for one in found]), *_latencies(found),
             *_latencies(self._bare.get((title, share), [])),
             counted([one.failures for one in found]), shown([one.late for one in found]),
             shown([one.generator for one in found])]
            for share in SHARES if (found := self._found.get((title, share), []))
        ]  # fmt: skip


def _latencies(found: Sequence[Arrivals]) -> list[str]:
    return [shown(of) for of in ([one.p50 for one in found], [one.p99 for one in found], [one.p999 for one in found])]
