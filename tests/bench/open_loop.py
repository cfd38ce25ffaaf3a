"""The other load generator: requests at a rate of their own, whatever becomes of them (`apps/open_loop.py`).

wrk sends its next request after the last answer, and none of Debian's packages sends otherwise and tells p99.9. Ours
takes less of its core than the server of its own, and tells how late it was itself.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tests.bench.errors import BenchError
from tests.bench.generator import printed_by
from tests.bench.load import Request

# Beyond what is sent: the last answers, and Python's start.
_LIMIT_SECONDS = 30


@dataclass(frozen=True)
class Arrivals:
    """What was sent and what became of it.

    `rate` is what was asked for a second, latencies are milliseconds from when a request was due, `late` the p99 of how
    long after that it was sent; `outcomes` counts statuses and what came in their place; `generator` is its CPU in
    cores, `server` that of the processes that answered, `connections` how many it needed.
    """

    rate: float
    requests: int
    outcomes: Mapping[str, int]
    p50: float
    p99: float
    p999: float
    late: float
    connections: int
    generator: float
    server: float = 0.0

    @property
    def failed(self) -> int:
        """All that was not answered 200."""
        return self.requests - self.outcomes.get("200", 0)

    @property
    def failures(self) -> Counter[str]:
        """What came in place of 200, how often."""
        return Counter({outcome: count for outcome, count in self.outcomes.items() if outcome != "200"})


def drive(port: int, request: Request, rate: float, seconds: int, core: int | None) -> Arrivals:
    """Send requests to a server on loopback, so many a second on average.

    Raises:
        BenchError: the generator did not give its figures.
    """
    with tempfile.NamedTemporaryFile("w", prefix="arrivals-", encoding="latin-1", newline="") as file:
        json.dump([one.decode("latin-1") for one in written(request)], file)
        file.flush()
        command = [
            sys.executable, "-m", "tests.bench.apps.open_loop", str(port), f"{rate:.1f}", str(seconds), file.name
        ]  # fmt: skip
        printed, cores = printed_by("the open-loop generator", command, seconds + _LIMIT_SECONDS, core)
    return parse(printed, rate, cores)


def parse(printed: str, rate: float, generator: float = 0.0) -> Arrivals:
    """The figures that it printed; raises BenchError where there are none."""
    try:
        told = json.loads(printed)
        return Arrivals(
            rate, told["requests"], told["outcomes"], told["p50"], told["p99"], told["p999"], told["late"],
            told["connections"], generator,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError):
        said = " ".join(printed.split())[-300:] or "it printed nothing"
        raise BenchError(f"the open-loop generator gave no figures: {said}") from None


def written(request: Request) -> list[bytes]:
    """Each body as a whole HTTP/1.1 request."""
    head = f"POST {request.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return [f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body for body in request.bodies]
