"""What the machine runs out of: disk, file descriptors, the right time."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from mulgam.registry import Registry
from tests.builders import NOTES_ROWS
from tests.callers import calling
from tests.drill.places import BACKENDS, REQUEST, metric, registry, seconds_until
from tests.drill.results import Result, skipped
from tests.processes import Serving, call, predict, serving, wait_until

ROWS = [list(row) for row in NOTES_ROWS]
DISK_MIB = 16
ROWS_OF_A_TABLE = 1_000_000
DESCRIPTORS = 128
_CLOCK = Path(__file__).with_name("clock.c")


def full_disk(
    folder: Path, backends: Sequence[str] = BACKENDS, rows: int = ROWS_OF_A_TABLE, slack: float = 1.0
) -> Iterator[Result]:
    """Every byte of TMPDIR taken while requests of each kind are made, then freed."""
    store = registry(folder)
    for backend in backends:
        yield _full_disk(store, folder / f"disk-{backend}", backend, rows, slack)


def _full_disk(store: Registry, disk: Path, backend: str, rows: int, slack: float) -> Result:
    fault, promise = f"disk full (TMPDIR; {backend})", "200 or 503, no process dies; as before in < 5 s with room again"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(disk)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        return skipped(fault, promise, f"a small disk can't be mounted: {mounted.stderr.strip()}")
    try:
        with serving(store.root, disk, backend=backend) as service:
            pids = {one.pid for one in service.descendants()}
            table = b"area,rooms,distance\n" + b"32,3,0.3\n" * rows
            with calling(lambda: [service.port], REQUEST, 3, 1) as outcome:
                wait_until(lambda: len(outcome.answers) > 50, 30, "load")
                _fill(disk / "full")
                for path in ("/predict/notes", "/nothing", "/v2/models/notes/infer", "/v1/models/notes:predict"):
                    outcome_status = call(service.port, "POST", path, b"{}").status
                    assert outcome_status in (400, 404, 503), outcome_status
                with contextlib.suppress(OSError):  # it may be refused in the middle of its body
                    call(service.port, "POST", "/predict/notes", table, 60, content_type="text/csv")
                time.sleep(2)
                (disk / "full").unlink()
                freed = time.monotonic()
                back = seconds_until(lambda: predict(service.port, "notes", ROWS).status == 200, 10)
                wait_until(lambda: time.monotonic() - freed > 2, 5, "some more load")
            same = {one.pid for one in service.descendants()} == pids
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)
    others = {*outcome.statuses} - {200, 503}
    return Result(
        fault, promise,
        f"{dict(outcome.statuses)}{'' if same else '; a process died'}; {back:.1f} s",
        not others and same and back < 5 * slack,
    )  # fmt: skip


def no_descriptors(folder: Path, slack: float = 1.0) -> Iterator[Result]:
    """More connections than the gateway may have descriptors.

    In process alone: they are taken from a gateway that has started already, and so has kept none back for the backend.
    """
    with serving(registry(folder).root, folder, backend="onnxruntime") as service, contextlib.ExitStack() as stack:
        (gateway,) = service.descendants("service.gateway")
        psutil.Process(gateway.pid).rlimit(psutil.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        with calling(lambda: [service.port], REQUEST, 3, 0) as outcome:
            wait_until(lambda: len(outcome.answers) > 50, 30, "load")
            for _ in range(2 * DESCRIPTORS):
                with contextlib.suppress(OSError):
                    stack.enter_context(socket.create_connection(("127.0.0.1", service.port), 5))
            time.sleep(2)
            admin = call(service.admin_port, "GET", "/livez").status
            cpu = _cpu_share(gateway)
            stack.close()
            back = seconds_until(lambda: _answers(service), 20)
        same = gateway.is_running()
    yield Result(
        f"file descriptors used up ({DESCRIPTORS} for the gateway, {2 * DESCRIPTORS} connections)",
        "connections that are there are served on; /livez 200; no process dies; as before in < 5 s",
        f"{len(outcome.failed)} of {len(outcome.answers)} failed; /livez {admin}{'' if same else '; it died'}; "
        f"{back:.1f} s (CPU meanwhile {cpu:.0%})",
        not outcome.failed and admin == 200 and same and back < 5 * slack,
    )


def clock_jump(folder: Path, backends: Sequence[str] = BACKENDS) -> Iterator[Result]:
    """The wall clock of every process an hour forth, then two back, under load."""
    store = registry(folder)
    for backend in backends:
        yield _clock_jump(store, folder, backend)


def _clock_jump(store: Registry, folder: Path, backend: str) -> Result:
    fault = f"clock + 1 h, then - 2 h ({backend})"
    promise = "0 requests fail; ready throughout; latencies in the metrics stay true"
    library = folder / "clock.so"
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(_CLOCK), "-ldl"], check=True)
    except (OSError, subprocess.CalledProcessError):
        return skipped(fault, promise, "there is no C compiler for what shifts the clock")
    clock = folder / "offset"
    clock.write_text("0")
    unready = 0
    with contextlib.ExitStack() as stack:
        with _environment(LD_PRELOAD=str(library), CLOCK_OFFSET_FILE=str(clock)):
            service = stack.enter_context(serving(store.root, folder, backend=backend))
        with calling(lambda: [service.port], REQUEST, 3, 1) as outcome:
            for offset in ("0", "3600", "-3600"):
                clock.write_text(offset)
                for _ in range(20):
                    unready += not service.is_ready()
                    time.sleep(0.1)
        time.sleep(0.5)
        dates = {answer.headers["date"][17:19] for answer in outcome.answers if answer.status == 200}
        labels = 'model="notes",protocol="json",version="1"'
        mean = metric(service, f"mulgam_request_seconds_sum{{{labels}}}") / len(outcome.answers)
    return Result(
        fault, promise,
        f"{len(outcome.failed)} of {len(outcome.answers)} failed; unready {unready} times; mean latency "
        f"{mean * 1000:.1f} ms ({len(dates)} hours seen in Date)",
        not outcome.failed and not unready and 0 < mean < 1 and len(dates) == 3,
    )  # fmt: skip


@contextlib.contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """What processes that are started in the block get."""
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 65536)
    with contextlib.suppress(OSError), path.open("ab", buffering=0) as file:
        while True:
            file.write(b"\0")


def _cpu_share(process: psutil.Process) -> float:
    share: float = psutil.Process(process.pid).cpu_percent(1.0) / 100
    return share


def _answers(service: Serving) -> bool:
    with contextlib.suppress(OSError):
        return predict(service.port, "notes", ROWS).status == 200
    return False
