"""What the gateway process takes by itself when idle, and how long a scrape waits when it is not."""

from __future__ import annotations

import statistics
import threading
import time
from dataclasses import dataclass

from tests.bench.contestants.mulgam import MulgamEmbedded
from tests.bench.cores import on
from tests.bench.errors import BenchError
from tests.bench.report import shown, table
from tests.bench.under_load.bench import Bench, Limit, Part
from tests.processes import call, free_port

AIM_MEGABYTES, AIM_MILLISECONDS = 150, 50
# Between two scrapes; Prometheus asks every 15 s or so.
_PAUSE_SECONDS = 0.1
_SETTLE_SECONDS = 1.0


@dataclass(frozen=True)
class _Found:
    """Of one round: MB of the gateway process, milliseconds of each scrape, bytes of the last."""

    pss: float
    rss: float
    scrapes: list[float]
    size: int


class Upkeep(Part):
    """Memory of the gateway process, and `/metrics`."""

    name = "upkeep"
    title = "Memory of the gateway process, and a scrape under load"

    def __init__(self) -> None:
        self._found: list[_Found] = []

    def seconds(self, seconds: int) -> float:
        """See `Part.seconds`."""
        return 5 + seconds

    def round(self, bench: Bench) -> None:
        """See `Part.round`."""
        admin_port = free_port()
        server = MulgamEmbedded(admin_port=str(admin_port))
        # Not by `started`: its warm-up is load.
        with server.running(bench.place()) as running:
            time.sleep(_SETTLE_SECONDS)
            (gateway,) = running.tree.members("service.gateway")
            memory = gateway.memory_full_info()
            loading = threading.Thread(target=bench.closed_loop, args=(running,))
            loading.start()
            try:
                with on(bench.cores.load):
                    scrapes, size = _scraped(admin_port, loading)
            finally:
                loading.join()
        self._found.append(_Found(memory.pss / 1e6, memory.rss / 1e6, scrapes, size))
        bench.say(f"  scrapes: median {statistics.median(scrapes):.1f}, most {max(scrapes):.1f} ms")

    def section(self) -> str:
        """See `Part.section`."""
        rows = [
            ["gateway process, idle, PSS MB", shown([one.pss for one in self._found])],
            ["the same, RSS MB", shown([one.rss for one in self._found])],
            ["`/metrics` under load, median ms", shown([statistics.median(one.scrapes) for one in self._found])],
            ["the same, slowest ms", shown([max(one.scrapes) for one in self._found])],
            ["the same, kB", shown([one.size / 1000 for one in self._found])],
        ]
        return table(["what", ""], rows) + (
            "\n\nMulgam embedded, one model; the gateway alone, without its supervisor. Scraped ten times a second from"
            " the admin listener while the closed loop with 64 connections fills the core on which all of the service"
            " runs."
        )

    def limits(self) -> list[Limit]:
        """See `Part.limits`."""
        return [
            Limit("memory of the gateway process, embedded, idle: PSS MB", [one.pss for one in self._found],
                  AIM_MEGABYTES),
            Limit("a scrape under load, the slowest of a round: ms", [max(one.scrapes) for one in self._found],
                  AIM_MILLISECONDS),
        ]  # fmt: skip


def _scraped(port: int, loading: threading.Thread) -> tuple[list[float], int]:
    """Milliseconds of each scrape while the load lasts, and the bytes of the last."""
    found, size = [], 0
    while loading.is_alive():
        time.sleep(_PAUSE_SECONDS)
        began = time.perf_counter()
        reply = call(port, "GET", "/metrics")
        found.append(1000 * (time.perf_counter() - began))
        if reply.status != 200:
            raise BenchError(f"/metrics was answered {reply.status}")
        size = len(reply.body)
    return found, size
