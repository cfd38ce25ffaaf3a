"""The load generator: wrk, with requests that vary. A Python loop would be slower than the servers."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.errors import BenchError
from tests.bench.generator import printed_by

_SCRIPT = Path(__file__).with_name("request.lua")
_FIGURES = re.compile(r"^FIGURES (.*)$", re.MULTILINE)
TIMEOUT_SECONDS = 10
ABSENT = (
    "wrk, the load generator, is not on PATH: install it"
    " (Debian, Ubuntu: apt-get install wrk; macOS: brew install wrk)."
)


@dataclass(frozen=True)
class Request:
    """What is sent: one path and set of headers, bodies in turn."""

    path: str
    headers: Mapping[str, str]
    bodies: Sequence[bytes]


@dataclass(frozen=True)
class Drive:
    """What wrk counted; latencies in milliseconds, `generator_cpu` in CPU seconds per second."""

    requests: int
    seconds: float
    failed: int
    p50: float
    p99: float
    generator_cpu: float

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return (self.requests - self.failed) / self.seconds


def find_wrk() -> str:
    """The path of wrk; raises BenchError with how to get it."""
    found = shutil.which("wrk")
    if found is None:
        raise BenchError(ABSENT)
    return found


def drive(port: int, request: Request, connections: int, seconds: int, core: int | None) -> Drive:
    """Load a server on loopback for some seconds, the next request of a connection after its answer.

    Raises:
        BenchError: there is no wrk, or it did not give its figures.
    """
    with tempfile.NamedTemporaryFile("wb", prefix="requests-") as file:
        file.write(serialised(request))
        file.flush()
        command = [
            find_wrk(), "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency",
            "--timeout", f"{TIMEOUT_SECONDS}s", "-s", str(_SCRIPT), f"http://127.0.0.1:{port}", "--", file.name,
        ]  # fmt: skip
        printed, cores = printed_by("wrk", command, seconds + 3 * TIMEOUT_SECONDS, core)
    return parse(printed, cores)


def parse(printed: str, generator_cpu: float = 0.0) -> Drive:
    """The figures in what wrk printed with our script; raises BenchError where there are none."""
    found = _FIGURES.search(printed)
    if found is None:
        raise BenchError(f"wrk gave no figures: {' '.join(printed.split())[-300:] or 'it printed nothing'}")
    figures = {name: int(value) for name, value in (item.split("=") for item in found[1].split())}
    if not figures["microseconds"]:
        raise BenchError("wrk ran for no time at all.")
    # Statuses of 400 and above, and requests without an answer.
    failed = figures["status"]
    unanswered = sum(figures[name] for name in ("connect", "read", "write", "timeout"))
    return Drive(
        figures["requests"] + unanswered, figures["microseconds"] / 1e6, failed + unanswered,
        figures["p50"] / 1000, figures["p99"] / 1000, generator_cpu,
    )  # fmt: skip


def serialised(request: Request, method: str = "POST") -> bytes:
    """The file that `request.lua` reads."""
    lines = [method, request.path, str(len(request.headers))]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines.append(str(len(request.bodies)))
    head = "".join(f"{line}\n" for line in lines).encode()
    return head + b"".join(f"{len(body)}\n".encode() + body for body in request.bodies)
