"""Java and TorchServe: there, and really started once, without a model."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from service.doctor.findings import Finding, failure, ok
from service.doctor.situation import Situation

CHECK = "torchserve"
INSTEAD = "Or serve with BACKEND=onnxruntime, which needs neither Java nor TorchServe."
_SECONDS = 40


def check(situation: Situation) -> Iterator[Finding]:
    """The Java that is taken, and a TorchServe that listens."""
    settings = situation.settings
    if settings is None:
        return
    if settings.backend != "torchserve":
        yield ok(CHECK, f"not needed: BACKEND={settings.backend}")
        return
    from mulgam.errors import MulgamError
    from service.supervisor.torchserve import TorchServe, java_home

    try:
        java = java_home()
        version = _java_version(java)
        if version is None:
            yield failure(CHECK, f"{java}/bin/java does not run", f"Run `make -B setup`. {INSTEAD}")
            return
        with tempfile.TemporaryDirectory(prefix="mulgam-") as folder:
            private = Path(folder, "ts")  # as short as the service's own: Unix sockets have short names
            private.mkdir()
            server = TorchServe(private, settings, ())
            asyncio.run(server.prepare())
            took, words = _started(server)
    except (MulgamError, OSError) as problem:
        yield failure(CHECK, str(problem), f"Run `make -B setup`. {INSTEAD}")
        return
    if took is None:
        yield failure(
            CHECK, f"TorchServe did not start within {_SECONDS} s: {words}",
            f"Run `make serve` and read what Java says. {INSTEAD}",
        )  # fmt: skip
    else:
        yield ok(CHECK, f"Java {version}; TorchServe started in {took:.1f} s")


def _java_version(home: Path) -> str | None:
    """What `java -version` calls itself; None where it does not run."""
    try:
        asked = subprocess.run(
            [str(home / "bin" / "java"), "-version"], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    first = (asked.stderr or asked.stdout).partition("\n")[0]
    return (first.partition('"')[2].partition('"')[0] or first) if asked.returncode == 0 else None


def _started(server: object) -> tuple[float | None, str]:
    """Seconds until it listened, or None and its last words; it is ended in any case."""
    from service.supervisor.torchserve import TorchServe

    assert isinstance(server, TorchServe)
    began = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            server.command(), cwd=server.folder, env=server.environment(), stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            while time.monotonic() - began < _SECONDS and process.poll() is None:
                if _listens(server.inference):
                    return time.monotonic() - began, ""
                time.sleep(0.05)
            output.seek(0)
            lines = output.read().decode("utf-8", "replace").strip().splitlines()
            return None, lines[-1] if lines else "it said nothing"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
        probe.connect(str(path))
        return True
    return False
