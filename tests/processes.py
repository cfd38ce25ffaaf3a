"""Real serving processes for tests: started on free ports, waited for by their answers, gone afterwards."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Reply:
    """A whole HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed strictly: NaN is not JSON."""
        return json.loads(self.body, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} in an answer")


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def call(port: int, method: str, path: str, body: bytes | None = None, timeout: float = 30, **headers: str) -> Reply:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        return Reply(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())
    finally:
        connection.close()


def predict(port: int, model: str, instances: list[Any], query: str = "", **headers: str) -> Reply:
    """A prediction in the gateway's own JSON."""
    body = json.dumps({"instances": instances}).encode()
    return call(port, "POST", f"/predict/{model}{query}", body, content_type="application/json", **headers)


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for a condition; returns how long it took, fails with `what` past the time."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > seconds:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - started


class Serving:
    """`python -m service` as a process, on ports of its own."""

    def __init__(self, registry: Path, folder: Path, **settings: str) -> None:
        self.port, self.admin_port = free_port(), free_port()
        self.folder = folder
        self.log = folder / "serve.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MULGAM_")}
        environment |= {
            "MULGAM_REGISTRY": str(registry),
            "MULGAM_PORT": str(self.port),
            "MULGAM_ADMIN_PORT": str(self.admin_port),
            "TMPDIR": str(folder),
            **{f"MULGAM_{name.upper()}": value for name, value in settings.items()},
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "service"], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        self.seen: set[psutil.Process] = set()

    def descendants(self, name: str = "") -> list[psutil.Process]:
        """The processes below the supervisor whose command line holds `name`."""
        with contextlib.suppress(psutil.NoSuchProcess):
            below = psutil.Process(self.process.pid).children(recursive=True)
            self.seen.update(below)
            return [one for one in below if name in " ".join(_command(one))]
        return []

    def listeners(self) -> set[int]:
        """The gateway processes that take connections on the public port."""
        return {
            process.pid
            for process in self.descendants("service.gateway")
            for connection in process.net_connections(kind="tcp")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == self.port
        }

    def readyz(self) -> Reply | None:
        """The supervisor's word; None while its listener is not there."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return call(self.admin_port, "GET", "/readyz", timeout=5)
        return None

    def is_ready(self) -> bool:
        """Whether the pod is ready."""
        reply = self.readyz()
        return reply is not None and reply.status == 200

    def wait_ready(self, seconds: float = 60) -> float:
        """Wait for it; returns how long it took."""

        def ready_or_over() -> bool:
            assert self.process.poll() is None, self.output()
            return self.is_ready()

        taken = wait_until(ready_or_over, seconds, f"ready; log:\n{self.output()}")
        self.descendants()
        return taken

    def stop(self, number: int = signal.SIGTERM, seconds: float = 30) -> int:
        """Send a signal and wait for the end; returns the exit status."""
        self.descendants()
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        return self.process.wait(seconds)

    def orphans(self) -> list[psutil.Process]:
        """The processes that were once seen below the supervisor and live on."""
        return [one for one in self.seen if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]

    def output(self) -> str:
        """What the processes printed."""
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """End everything, whatever state it is in."""
        self.descendants()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        for one in self.seen:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:
        return []


@contextlib.contextmanager
def serving(registry: Path, folder: Path, **settings: str) -> Iterator[Serving]:
    """A ready service for the length of a block."""
    service = Serving(registry, folder, **settings)
    try:
        service.wait_ready()
        yield service
    finally:
        service.kill()
