"""Stops and restarts under load: a service that drains, and two that are restarted in turn behind nginx."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests import nginx
from tests.callers import calling
from tests.drill.places import BACKENDS, REQUEST, registry
from tests.drill.results import Result, skipped
from tests.processes import Serving, free_port, serving, wait_until

DELAY = 2.0
REQUESTS = 20_000
RESTARTS = 3


def sigterm_under_load(folder: Path) -> Iterator[Result]:
    """SIGTERM while callers go on for half of the drain delay, as long as a load balancer may need."""
    is_open = threading.Event()
    is_open.set()
    with (
        serving(registry(folder).root, folder, drain_delay=str(DELAY)) as service,
        calling(lambda: [service.port] if is_open.is_set() else [], REQUEST) as outcome,
    ):
        wait_until(lambda: len(outcome.answers) > 300, 60, "load")
        service.process.send_signal(signal.SIGTERM)
        asked = time.monotonic()
        wait_until(lambda: not service.is_ready(), 5, "readiness says no")
        unready = time.monotonic() - asked
        time.sleep(DELAY / 2)
        is_open.clear()
        status = service.process.wait(40)
        ended = time.monotonic() - asked
    late = sum(answer.at > asked for answer in outcome.answers)
    yield Result(
        "SIGTERM under load (TorchServe)",
        "0 requests fail, on kept and on fresh connections; not ready at once; exit status 0",
        f"{len(outcome.failed)} of {len(outcome.answers)} failed, {late} of them after it; not ready after "
        f"{unready:.2f} s; status {status} after {ended:.1f} s",
        not outcome.failed and late > 0 and status == 0,
    )


def rolling_restart(folder: Path, backends: Sequence[str] = BACKENDS) -> Iterator[Result]:
    """Two services restarted in turn behind nginx, which tries nothing twice and learns where to send by `/readyz`."""
    store = registry(folder)
    for backend in backends:
        below = folder / backend
        below.mkdir()
        yield _rolling_restart(store.root, below, backend)


def _rolling_restart(root: Path, folder: Path, backend: str) -> Result:
    fault = f"rolling restart of 2 services ({backend}) behind nginx, {RESTARTS} times, ≥ {REQUESTS} requests"
    promise = "0 requests fail, on kept and on fresh connections, nginx's own retries off"
    if not nginx.IS_INSTALLED:
        return skipped(fault, promise, "nginx is not installed")
    places = [folder / "one", folder / "two"]
    ports = [(free_port(), free_port()) for _ in places]
    restarts = 0
    for place in places:
        place.mkdir()
    services = [_start(root, backend, *one) for one in zip(places, ports, strict=True)]
    try:
        for service in services:
            service.wait_ready()
        with _nginx(folder, [port for port, _ in ports]) as (port, down), calling(lambda: [port], REQUEST) as outcome:
            while restarts < 2 * RESTARTS or len(outcome.answers) < REQUESTS:
                number = restarts % 2
                service = services[number]
                service.process.send_signal(signal.SIGTERM)
                wait_until(lambda service=service: not service.is_ready(), 10, "readiness says no")
                down[number].touch()
                assert service.process.wait(40) == 0
                services[number] = _start(root, backend, places[number], ports[number])
                services[number].wait_ready()
                down[number].unlink()
                restarts += 1
    finally:
        for service in services:
            service.kill()
    return Result(
        fault, promise,
        f"{len(outcome.failed)} of {len(outcome.answers)} failed, {restarts} restarts"
        f"{'; first: ' + outcome.failed[0] if outcome.failed else ''}",
        not outcome.failed,
    )  # fmt: skip


def _start(root: Path, backend: str, folder: Path, ports: tuple[int, int]) -> Serving:
    settings = {"backend": backend, "drain_delay": str(DELAY), "port": str(ports[0]), "admin_port": str(ports[1])}
    service = Serving(root, folder, **settings)
    service.port, service.admin_port = ports
    return service


_BALANCING = """
keepalive_requests 100000;
upstream both {{ server 127.0.0.1:{one}; server 127.0.0.1:{two}; keepalive 16; }}
upstream only_one {{ server 127.0.0.1:{one}; keepalive 16; }}
upstream only_two {{ server 127.0.0.1:{two}; keepalive 16; }}
server {{
  listen 127.0.0.1:{port};
  location / {{
    set $pool both;
    if (-f {folder}/down.0) {{ set $pool only_two; }}
    if (-f {folder}/down.1) {{ set $pool only_one; }}
    proxy_pass http://$pool; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_next_upstream off;
  }}
}}
"""


@contextmanager
def _nginx(folder: Path, ports: list[int]) -> Iterator[tuple[int, list[Path]]]:
    """nginx in front of both; its port, and the files that take one of them out, as endpoints are in Kubernetes."""
    port = free_port()
    balancing = _BALANCING.format(folder=folder, one=ports[0], two=ports[1], port=port)
    with nginx.running(folder, balancing, port):
        yield port, [folder / "down.0", folder / "down.1"]
