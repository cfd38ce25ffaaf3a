"""Clients that are a burden, started and ended around a measurement (`apps/abusers.py`)."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.bench.cores import on
from tests.bench.errors import BenchError
from tests.bench.tree import ROOT

# Until each has begun, and from SIGTERM to the end.
_READY_SECONDS, _STOP_SECONDS = 60, 15


@dataclass
class Told:
    """What became of them: how many were at it at the end, and their answers by status."""

    at_it: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)


@contextlib.contextmanager
def crowd(kind: str, clients: int, port: int, request: bytes, core: int | None) -> Iterator[Told]:
    """So many clients at it for the length of a block; what became of them is told at its end.

    Raises:
        BenchError: they did not begin, or did not tell.
    """
    told = Told()
    with tempfile.NamedTemporaryFile("wb", prefix="request-") as file:
        file.write(request)
        file.flush()
        command = [sys.executable, "-m", "tests.bench.apps.abusers", kind, str(clients), str(port), file.name]
        with on(core):
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            assert process.stdout is not None
            said = process.stdout.readline() if select.select([process.stdout], [], [], _READY_SECONDS)[0] else b""
            if said != b"ready\n":
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(1)  # it may be about to say why
                process.kill()
                words = (said + process.communicate()[0]).decode(errors="replace").split()
                raise BenchError(f"the clients ({kind}) did not begin: {' '.join(words)[-300:]}")
            yield told
            process.terminate()
            printed, _ = process.communicate(timeout=_STOP_SECONDS)
            told.at_it, told.outcomes = _parsed(printed.decode(errors="replace"))
        except subprocess.TimeoutExpired:
            raise BenchError(f"the clients ({kind}) did not end in time.") from None
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()


def _parsed(printed: str) -> tuple[int, Mapping[str, int]]:
    try:
        document = json.loads(printed)
        return document["at_it"], document["outcomes"]
    except (ValueError, KeyError, TypeError):
        raise BenchError(f"the clients told something else: {' '.join(printed.split())[-300:]}") from None
