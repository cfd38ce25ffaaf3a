"""More requests than the backend can compute: refused early and cheaply, the rest served as ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.callers import Outcome, calling, offering, quantile
from tests.drill.places import REQUEST, registry, seconds_until
from tests.drill.results import Result
from tests.drill.v2_server import v2_server
from tests.processes import Serving, serving, wait_until

SECONDS = 60.0
# A call of the backend takes so long and computes so many requests: no machine is too slow to show the limits.
CALL_SECONDS = 0.04
ROWS_IN_A_CALL = 12
LANES = 2
QUEUE = 40
ANSWERS = 1000


def full_queue(folder: Path, answers: int = ANSWERS, slack: float = 1.0) -> Iterator[Result]:
    """Thirty callers for ten places."""
    with v2_server() as server:
        settings = _settings(server.port) | {"max_inflight": "10", "oip_lanes": "1", "max_batch_rows": "1"}
        with serving(registry(folder).root, folder, **settings) as service:
            server.delay = 0.2
            with calling(lambda: [service.port], REQUEST, 30, 0, pause=0.1) as outcome:
                wait_until(lambda: len(outcome.answers) > answers, 60, "load")
    refused = outcome.seconds(503)
    told = all("retry-after" in answer.headers for answer in outcome.answers if answer.status == 503)
    others = {*outcome.statuses} - {200, 503}
    yield Result(
        "queue full: 10 places, 30 callers, calls of 0.2 s",
        "503 with Retry-After, p99 < 20 ms; nobody waits longer than the deadline (10 s)",
        f"{len(refused)} × 503, p99 {quantile(refused, 0.99) * 1000:.0f} ms, others {others or 'none'}; "
        f"longest wait {max(outcome.seconds()):.1f} s",
        told and not others and quantile(refused, 0.99) < 0.02 * slack and max(outcome.seconds()) < 10 + 0.05 * slack,
    )


def three_times_too_much(folder: Path, seconds: float = SECONDS, slack: float = 1.0) -> Iterator[Result]:
    """Three times the measured capacity, open loop."""
    measured = min(5.0, seconds)
    with v2_server() as server:
        settings = _settings(server.port) | {
            "max_inflight": str(QUEUE), "oip_lanes": str(LANES), "max_batch_rows": str(ROWS_IN_A_CALL),
        }  # fmt: skip
        with serving(registry(folder).root, folder, **settings) as service:
            server.delay = CALL_SECONDS
            unloaded = _asked(service, 1, min(3.0, seconds))
            loaded = _asked(service, QUEUE, measured)
            capacity = len(loaded.seconds()) / measured
            before = _rss(service)
            unready = _Watch(service)
            with unready, offering(service.port, REQUEST, 3 * capacity) as outcome:
                time.sleep(seconds)
            grown = (_rss(service) - before) / 2**20
            settled = seconds_until(lambda: _median(_asked(service, 1, 0.3)) < 2 * CALL_SECONDS, 10 * slack)
    served = outcome.seconds()
    refused = [answer for answer in outcome.answers if answer.status in (429, 503)]
    others = len(outcome.answers) - len(served) - len(refused)
    told = all("retry-after" in answer.headers for answer in refused)
    goodput = len(served) / seconds / capacity
    limit = 2 * quantile(unloaded.seconds(), 0.99) + QUEUE / capacity
    p99 = quantile(served, 0.99)
    yield Result(
        f"3 × overload for {seconds:g} s (capacity {capacity:.0f}/s, measured first; offered {3 * capacity:.0f}/s)",
        f"≥ 90 % of capacity served; accepted p99 ≤ 2 × unloaded + queue limit ({limit * 1000:.0f} ms); all others "
        "503 with Retry-After; ready throughout; memory + < 32 MiB; as before in < 3 s",
        f"{goodput:.0%}; p99 {p99 * 1000:.0f} ms; {len(refused)} × 503, {others} others; {unready.times} times "
        f"unready; + {grown:.1f} MiB; {settled:.1f} s",
        goodput >= 0.9 / slack
        and p99 <= limit * slack
        and told
        and not others
        and not unready.times
        and grown < 32
        and settled < 3 * slack,
    )


def _settings(port: int) -> dict[str, str]:
    return {"backend": "oip", "oip_url": f"http://127.0.0.1:{port}", "oip_tensors": "json", "runtime": "onnx"}


def _asked(service: Serving, callers: int, seconds: float) -> Outcome:
    """Closed loop for a while."""
    with calling(lambda: [service.port], REQUEST, callers, 0) as outcome:
        time.sleep(seconds)
    return outcome


def _median(outcome: Outcome) -> float:
    return quantile(outcome.seconds(), 0.5)


def _rss(service: Serving) -> int:
    (gateway,) = service.descendants("service.gateway")
    rss: int = psutil.Process(gateway.pid).memory_info().rss
    return rss


class _Watch:
    """Counts how often the service is not ready while the block runs."""

    def __init__(self, service: Serving) -> None:
        self.times = 0
        self._service = service
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.25):
            self.times += not self._service.is_ready()
